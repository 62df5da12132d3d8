// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ConfigurationFile

/// What Envoy does: takes requests on one or two ports, and gives them to a filter of the module.
struct EnvoyConfiguration {
  /// The library's name, without `lib` and `.so`.
  var library: String
  var filter: ModuleFilter
  /// JSON, or any text.
  var filterConfig: String?
  var host: String
  var port: UInt16
  var tls: TLS?
  /// Where a callout's requests go, or nil to answer them.
  var upstream: HostPort?
  var compressions: [String] = []

  struct TLS {
    var port: UInt16
    var files: TLSFiles
    var clientAuthorities: String?
    var http3: Bool
  }

  init(library: String, filter: ModuleFilter, host: String, port: UInt16) {
    self.library = library
    self.filter = filter
    self.host = host
    self.port = port
  }

  func yaml() throws -> String { try YAMLText.converting(json: json.description) }

  var json: JSONValue {
    var listeners = [listener("http", port, transportSocket: nil)]
    if let tls {
      listeners.append(listener("https", tls.port, transportSocket: tls.transportSocket, altSvc: tls.http3))
      if tls.http3 { listeners.append(quicListener(tls)) }
    }
    return [
      "admin": ["address": socket("127.0.0.1", 0)],
      "overload_manager": ["resource_monitors": [connectionLimit]],
      "static_resources": ["listeners": .array(listeners), "clusters": .array(upstream.map { [cluster($0)] } ?? [])],
    ]
  }

  /// Envoy warns where there is none.
  private var connectionLimit: JSONValue {
    var limit = typed("envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig")
    limit["max_active_downstream_connections"] = 50_000
    return ["name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit]
  }

  // MARK: Listeners

  private func listener(
    _ name: String, _ port: UInt16, transportSocket: JSONValue?, altSvc: Bool = false
  ) -> JSONValue {
    var chain: JSONValue = ["filters": [connectionManager("AUTO", altSvc: altSvc)]]
    chain["transport_socket"] = transportSocket
    return [
      "name": .string(name), "address": socket(host, Int(port)), "filter_chains": [chain],
      "per_connection_buffer_limit_bytes": 1_048_576,
    ]
  }

  private func quicListener(_ tls: TLS) -> JSONValue {
    var address = socket(host, Int(tls.port))
    address["socket_address"]?["protocol"] = "UDP"
    return [
      "name": "http3", "address": address,
      "udp_listener_config": ["quic_options": [:], "downstream_socket_config": ["prefer_gro": true]],
      "filter_chains": [
        ["transport_socket": tls.quicTransportSocket, "filters": [connectionManager("HTTP3", altSvc: true)]]
      ],
    ]
  }

  private func connectionManager(_ codec: String, altSvc: Bool) -> JSONValue {
    var manager = typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")
    manager["stat_prefix"] = "envoyrun"
    manager["codec_type"] = .string(codec)
    // A response larger than a client takes stays with the application, and not in Envoy.
    manager["http2_protocol_options"] = [
      "initial_stream_window_size": 65_536, "initial_connection_window_size": 1_048_576,
    ]
    if codec == "HTTP3" { manager["http3_protocol_options"] = [:] }
    // Trailers of HTTP/1 are for those who ask for them.
    manager["http_protocol_options"] = ["enable_trailers": true]
    // A client that stalls would keep what it holds for ever. It is Envoy's own, which a stream that is quiet on purpose
    // stays below by sending something now and then, as it has to for other proxies.
    manager["stream_idle_timeout"] = "300s"
    // An application has no one behind it to whom the request's number would matter.
    if filter.kind == .application { manager["generate_request_id"] = false }
    manager["route_config"] = ["virtual_hosts": [["name": "all", "domains": ["*"], "routes": [route]]]]
    manager["http_filters"] = .array((altSvc ? alternativeService : []) + filters)
    return ["name": "envoy.filters.network.http_connection_manager", "typed_config": manager]
  }

  private var route: JSONValue {
    var route: JSONValue = ["match": ["prefix": "/"]]
    if upstream != nil {
      route["route"] = ["cluster": "upstream", "timeout": "0s"]
    } else {
      route["direct_response"] = ["status": 200]
    }
    return route
  }

  // MARK: Filters

  private var filters: [JSONValue] {
    var module = typed("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter")
    // Code of a Swift library cannot be unloaded safely.
    module["dynamic_module_config"] = ["name": .string(library), "do_not_close": true]
    module["filter_name"] = .string(filter.name)
    module["filter_config"] = filter.mounts ?? filterConfig.map(Self.wrapped)
    if filter.kind == .application { module["terminal_filter"] = true }
    let compressors = compressions.reversed().map { compressor($0, isPreferred: $0 == compressions.first) }
    let filters = compressors + [["name": .string(filter.name), "typed_config": module]]
    guard filter.kind == .callout else { return filters }
    return filters + [
      ["name": "envoy.filters.http.router", "typed_config": typed("envoy.extensions.filters.http.router.v3.Router")]
    ]
  }

  /// The configuration of a filter as Envoy hands it over as it is.
  static func wrapped(_ text: String) -> JSONValue {
    ["@type": "type.googleapis.com/google.protobuf.StringValue", "value": .string(text)]
  }

  // MARK: Upstream

  private func cluster(_ upstream: HostPort) -> JSONValue {
    [
      "name": "upstream", "type": "STRICT_DNS", "connect_timeout": "5s",
      "load_assignment": [
        "cluster_name": "upstream",
        "endpoints": [["lb_endpoints": [["endpoint": ["address": socket(upstream.host, upstream.port)]]]]],
      ],
    ]
  }

  private func socket(_ host: String, _ port: Int) -> JSONValue {
    ["socket_address": ["address": .string(host), "port_value": .number(JSONNumber(port))]]
  }
}

/// A message of one of Envoy's extensions.
func typed(_ name: String) -> JSONValue { ["@type": .string("type.googleapis.com/\(name)")] }
