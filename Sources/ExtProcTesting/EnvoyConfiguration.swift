// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
public import Callouts
public import EnvoyAPI
internal import Foundation
internal import NIOCore
internal import SwiftProtobuf

/// How a test's Envoy is configured: one listener, callouts as its filters, and one upstream for everything.
public struct EnvoyConfiguration: Sendable {
  /// Where requests, or connections, go in the end.
  public var upstream: ListenAddress
  /// What the listener takes.
  public var traffic = Traffic.http
  /// The network ext_proc filters, in order, before everything else.
  public var networkCallouts: [NetworkCallout] = []
  /// The ext_authz filters, in order, before the ext_proc filters.
  public var authorizations: [Authorization] = []
  /// The ext_proc filters, in order.
  public var callouts: [Callout]
  /// The filters of dynamic modules, in order, after the ext_proc filters.
  public var modules: [Module] = []
  /// Envoy's worker threads.
  public var workers = 1
  /// Envoy's own responses have a field `x-response-code-details` that says where they come from.
  public var showsResponseCodeDetails = false
  /// Routes that come before the one that takes everything to the upstream, each as JSON (`config.route.v3.Route`).
  public var routesJSON: [String] = []

  public init(upstream: ListenAddress, callouts: [Callout] = []) {
    self.upstream = upstream
    self.callouts = callouts
  }

  /// What a listener takes.
  public enum Traffic: Sendable {
    /// HTTP requests, which are routed.
    case http
    /// Connections of any protocol, which are passed on.
    case tcp
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

extension EnvoyConfiguration.Callout {
  func filter() throws -> [String: Any] {
    var fields: [String: Any] = [
      "grpc_service": EnvoyConfiguration.grpcService(name),
      "processing_mode": try JSONSerialization.jsonObject(with: processingMode.jsonUTF8Data() as Data),
      "message_timeout": EnvoyConfiguration.seconds(messageTimeout),
      "failure_mode_allow": failureModeAllow, "allow_mode_override": allowModeOverride,
      "observability_mode": observabilityMode, "request_attributes": requestAttributes,
      "response_attributes": responseAttributes,
      "mutation_rules": ["allow_all_routing": allowAllRouting],
    ]
    try fields.merge(EnvoyConfiguration.fields(furtherJSON)) { $1 }
    return EnvoyConfiguration.typed("envoy.filters.http.ext_proc", "http.ext_proc.v3.ExternalProcessor", fields)
  }
}
