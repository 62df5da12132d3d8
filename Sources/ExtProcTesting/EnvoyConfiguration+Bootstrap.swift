// SPDX-License-Identifier: Apache-2.0
internal import CalloutServing
package import Foundation
internal import NIOCore

extension EnvoyConfiguration {
  /// The bootstrap configuration as JSON, which leaves no string to be taken for something else.
  package func bootstrap() throws -> Data {
    let last = traffic == .http ? try connectionManager() : Self.tcpProxy
    let filters = try networkCallouts.map { try $0.filter() } + [last]
    let listener: [String: Any] = [
      "name": "main", "address": Self.address(.ip("127.0.0.1", 0)), "filter_chains": [["filters": filters]],
    ]
    let upstream = Self.cluster("upstream", upstream, protocol: ["http_protocol_options": ["enable_trailers": true]])
    let clusters =
      networkCallouts.map { Self.cluster($0.name, $0.address, trusting: $0.trustRoots) }
      + authorizations.map { Self.cluster($0.name, $0.address, trusting: $0.trustRoots) }
      + callouts.map { Self.cluster($0.name, $0.address, trusting: $0.trustRoots) }
    let configuration: [String: Any] = [
      "admin": ["address": Self.address(.ip("127.0.0.1", 0))],
      "static_resources": ["listeners": [listener], "clusters": [upstream] + clusters],
    ]
    return try JSONSerialization.data(withJSONObject: configuration, options: [.prettyPrinted, .sortedKeys])
  }

  private static var tcpProxy: [String: Any] {
    typed(
      "envoy.filters.network.tcp_proxy", "network.tcp_proxy.v3.TcpProxy", ["stat_prefix": "tcp", "cluster": "upstream"])
  }

  private func connectionManager() throws -> [String: Any] {
    let router = Self.typed("envoy.filters.http.router", "http.router.v3.Router")
    let routes = try routesJSON.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) }
    let last = ["match": ["prefix": "/"], "route": ["cluster": "upstream", "timeout": "60s"]]
    let isAnswered = modules.last?.isTerminal == true
    let filters =
      try authorizations.map { try $0.filter() } + callouts.map { try $0.filter() }
      + modules.map { try $0.httpFilter() } + (isAnswered ? [] : [router])
    return Self.typed(
      "envoy.filters.network.http_connection_manager", "network.http_connection_manager.v3.HttpConnectionManager",
      [
        "stat_prefix": "test", "http_filters": filters, "http_protocol_options": ["enable_trailers": true],
        "local_reply_config": ["mappers": showsResponseCodeDetails ? [Self.detailsMapper] : []],
        "route_config": [
          "name": "route",
          "virtual_hosts": [
            [
              "name": "all", "domains": ["*"],
              "routes": routes + [last],
            ]
          ],
        ],
      ])
  }

  private static var detailsMapper: [String: Any] {
    let header = ["key": "x-response-code-details", "value": "%RESPONSE_CODE_DETAILS%"]
    return ["filter": ["not_health_check_filter": [String: Any]()], "headers_to_add": [["header": header]]]
  }

  static func typed(_ name: String, _ type: String, _ fields: [String: Any] = [:]) -> [String: Any] {
    let prefix = "type.googleapis.com/envoy.extensions.filters."
    return ["name": name, "typed_config": fields.merging(["@type": prefix + type]) { $1 }]
  }

  static func cluster(
    _ name: String, _ address: ListenAddress, protocol options: [String: Any]
  ) -> [String: Any] {
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return [
      "name": name, "connect_timeout": "10s", "type": "STATIC",
      "load_assignment": [
        "cluster_name": name,
        "endpoints": [["lb_endpoints": [["endpoint": ["address": Self.address(address)]]]]],
      ],
      "typed_extension_protocol_options": [
        key: ["@type": "type.googleapis.com/" + key, "explicit_http_config": options]
      ],
    ]
  }

  /// The cluster of a gRPC server, over TLS where there are certificates to trust.
  static func cluster(_ name: String, _ address: ListenAddress, trusting roots: [UInt8]?) -> [String: Any] {
    var cluster = cluster(name, address, protocol: ["http2_protocol_options": [String: Any]()])
    guard let roots else { return cluster }
    cluster["transport_socket"] = [
      "name": "envoy.transport_sockets.tls",
      "typed_config": [
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "localhost",
        "common_tls_context": [
          "alpn_protocols": ["h2"],
          "validation_context": ["trusted_ca": ["inline_string": String(decoding: roots, as: UTF8.self)]],
        ],
      ],
    ]
    return cluster
  }

  /// How a filter calls the server of a cluster.
  static func grpcService(_ cluster: String) -> [String: Any] {
    ["envoy_grpc": ["cluster_name": cluster], "timeout": "60s"]
  }

  /// Fields that are given as the text of a JSON object.
  static func fields(_ json: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
  }

  static func seconds(_ duration: Duration) -> String {
    "\(Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)s"
  }

  static func address(_ address: ListenAddress) -> [String: Any] {
    guard let socket = try? address.resolve() else { return [:] }
    if let path = socket.pathname { return ["pipe": ["path": path]] }
    return ["socket_address": ["address": socket.ipAddress ?? "127.0.0.1", "port_value": socket.port ?? 0]]
  }
}
