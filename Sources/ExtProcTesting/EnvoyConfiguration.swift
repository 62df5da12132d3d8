// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
public import Callouts
public import EnvoyAPI
internal import Foundation
internal import NIOCore
internal import SwiftProtobuf

/// How a test's Envoy is configured: one listener, callouts as its filters, and one upstream for every request.
public struct EnvoyConfiguration: Sendable {
  /// Where requests go in the end.
  public var upstream: ListenAddress
  /// The ext_proc filters, in order.
  public var callouts: [Callout]
  /// Envoy's worker threads.
  public var workers = 1
  /// Envoy's own responses have a field `x-response-code-details` that says where they come from.
  public var showsResponseCodeDetails = false
  /// Routes that come before the one that takes everything to the upstream, each as JSON (`config.route.v3.Route`).
  public var routesJSON: [String] = []

  public init(upstream: ListenAddress, callouts: [Callout]) {
    self.upstream = upstream
    self.callouts = callouts
  }

  /// One ext_proc filter. Source: `envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor`.
  public struct Callout: Sendable {
    /// Where the callout server listens.
    public var address: ListenAddress
    /// Certificates (PEM) to trust, which makes it TLS, or nil for plaintext.
    public var trustRoots: [UInt8]?
    /// The name of its cluster, as in `cluster.<name>.upstream_cx_total`.
    public var name = "callout"
    /// What the filter sends.
    public var processingMode: ProcessingMode
    /// Time for an answer. Envoy's own default of 200 ms is too short for a machine that runs tests.
    public var messageTimeout: Duration = .seconds(10)
    /// Requests go on without the callout when it fails.
    public var failureModeAllow = false
    /// The callout may change the processing mode.
    public var allowModeOverride = false
    /// The filter sends and takes no answers.
    public var observabilityMode = false
    /// The callout may change `:authority`, `:method`, `:scheme` and `host`.
    public var allowAllRouting = false
    /// Attributes to send with a request, such as `request.path`.
    public var requestAttributes: [String] = []
    /// Attributes to send with a response.
    public var responseAttributes: [String] = []
    /// Further fields of the filter's configuration as JSON, for what is not offered here.
    public var furtherJSON = "{}"

    public init(
      _ address: ListenAddress, trusting roots: [UInt8]? = nil, _ mode: (inout ProcessingMode) -> Void = { _ in }
    ) {
      self.address = address
      trustRoots = roots
      processingMode = ProcessingMode()
      mode(&processingMode)
    }
  }
}

extension EnvoyConfiguration {
  /// The bootstrap configuration as JSON, which leaves no string to be taken for something else.
  func bootstrap() throws -> Data {
    let router = Self.typed("envoy.filters.http.router", "http.router.v3.Router")
    let routes = try routesJSON.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) }
    let last = ["match": ["prefix": "/"], "route": ["cluster": "upstream", "timeout": "60s"]]
    let filters = try callouts.map { try $0.filter() } + [router]
    let manager = Self.typed(
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
    let listener: [String: Any] = [
      "name": "main", "address": Self.address(.ip("127.0.0.1", 0)), "filter_chains": [["filters": [manager]]],
    ]
    let upstream = Self.cluster("upstream", upstream, protocol: ["http_protocol_options": ["enable_trailers": true]])
    let configuration: [String: Any] = [
      "admin": ["address": Self.address(.ip("127.0.0.1", 0))],
      "static_resources": ["listeners": [listener], "clusters": [upstream] + callouts.map { $0.cluster() }],
    ]
    return try JSONSerialization.data(withJSONObject: configuration, options: [.prettyPrinted, .sortedKeys])
  }

  private static var detailsMapper: [String: Any] {
    let header = ["key": "x-response-code-details", "value": "%RESPONSE_CODE_DETAILS%"]
    return ["filter": ["not_health_check_filter": [String: Any]()], "headers_to_add": [["header": header]]]
  }

  fileprivate static func typed(_ name: String, _ type: String, _ fields: [String: Any] = [:]) -> [String: Any] {
    let prefix = "type.googleapis.com/envoy.extensions.filters."
    return ["name": name, "typed_config": fields.merging(["@type": prefix + type]) { $1 }]
  }

  fileprivate static func cluster(
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

  fileprivate static func address(_ address: ListenAddress) -> [String: Any] {
    guard let socket = try? address.resolve() else { return [:] }
    if let path = socket.pathname { return ["pipe": ["path": path]] }
    return ["socket_address": ["address": socket.ipAddress ?? "127.0.0.1", "port_value": socket.port ?? 0]]
  }
}

extension EnvoyConfiguration.Callout {
  fileprivate func filter() throws -> [String: Any] {
    var fields: [String: Any] = [
      "grpc_service": ["envoy_grpc": ["cluster_name": name], "timeout": "60s"],
      "processing_mode": try JSONSerialization.jsonObject(with: processingMode.jsonUTF8Data() as Data),
      "message_timeout": Self.seconds(messageTimeout),
      "failure_mode_allow": failureModeAllow, "allow_mode_override": allowModeOverride,
      "observability_mode": observabilityMode, "request_attributes": requestAttributes,
      "response_attributes": responseAttributes,
      "mutation_rules": ["allow_all_routing": allowAllRouting],
    ]
    let further = try JSONSerialization.jsonObject(with: Data(furtherJSON.utf8)) as? [String: Any]
    fields.merge(further ?? [:]) { $1 }
    return EnvoyConfiguration.typed("envoy.filters.http.ext_proc", "http.ext_proc.v3.ExternalProcessor", fields)
  }

  fileprivate func cluster() -> [String: Any] {
    var cluster = EnvoyConfiguration.cluster(name, address, protocol: ["http2_protocol_options": [String: Any]()])
    guard let trustRoots else { return cluster }
    cluster["transport_socket"] = [
      "name": "envoy.transport_sockets.tls",
      "typed_config": [
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "localhost",
        "common_tls_context": [
          "alpn_protocols": ["h2"],
          "validation_context": ["trusted_ca": ["inline_string": String(decoding: trustRoots, as: UTF8.self)]],
        ],
      ],
    ]
    return cluster
  }

  private static func seconds(_ duration: Duration) -> String {
    "\(Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)s"
  }
}
