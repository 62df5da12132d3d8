// SPDX-License-Identifier: Apache-2.0
public import CalloutServing

extension EnvoyConfiguration {
  /// One network ext_proc filter.
  ///
  /// Source: `envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor`.
  public struct NetworkCallout: Sendable {
    /// Where the callout server listens.
    public var address: ListenAddress
    /// Certificates (PEM) to trust, which makes it TLS, or nil for plaintext.
    public var trustRoots: [UInt8]?
    /// The name of its cluster, and what its statistics begin with.
    public var name = "network_callout"
    /// What the client sends goes to the callout.
    public var processesRead = true
    /// What the upstream sends goes to the callout.
    public var processesWrite = true
    /// Time for an answer. Envoy's own default of 200 ms is too short for a machine that runs tests.
    public var messageTimeout: Duration = .seconds(10)
    /// Connections go on without the callout when it fails.
    public var failureModeAllow = false
    /// Further fields of the filter's configuration as JSON, for what is not offered here.
    public var furtherJSON = "{}"

    public init(_ address: ListenAddress, trusting roots: [UInt8]? = nil) {
      self.address = address
      trustRoots = roots
    }
  }
}

extension EnvoyConfiguration.NetworkCallout {
  func filter() throws -> [String: Any] {
    var fields: [String: Any] = [
      "stat_prefix": name, "grpc_service": EnvoyConfiguration.grpcService(name),
      "message_timeout": EnvoyConfiguration.seconds(messageTimeout), "failure_mode_allow": failureModeAllow,
      "processing_mode": [
        "process_read": processesRead ? "STREAMED" : "SKIP", "process_write": processesWrite ? "STREAMED" : "SKIP",
      ],
    ]
    try fields.merge(EnvoyConfiguration.fields(furtherJSON)) { $1 }
    return EnvoyConfiguration.typed(
      "envoy.filters.network.ext_proc", "network.ext_proc.v3.NetworkExternalProcessor", fields)
  }
}
