// SPDX-License-Identifier: Apache-2.0
public import CalloutServing

extension EnvoyConfiguration {
  /// One ext_authz filter of HTTP requests.
  ///
  /// Source: `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`.
  public struct Authorization: Sendable {
    /// Where the authorization server listens.
    public var address: ListenAddress
    /// Certificates (PEM) to trust, which makes it TLS, or nil for plaintext.
    public var trustRoots: [UInt8]?
    /// The name of its cluster.
    public var name = "authorization"
    /// Requests go on when the server fails.
    public var failureModeAllow = false
    /// Further fields of the filter's configuration as JSON, for what is not offered here.
    public var furtherJSON = "{}"

    public init(_ address: ListenAddress, trusting roots: [UInt8]? = nil) {
      self.address = address
      trustRoots = roots
    }
  }
}

extension EnvoyConfiguration.Authorization {
  func filter() throws -> [String: Any] {
    var fields: [String: Any] = [
      "grpc_service": EnvoyConfiguration.grpcService(name), "transport_api_version": "V3",
      "failure_mode_allow": failureModeAllow,
    ]
    try fields.merge(EnvoyConfiguration.fields(furtherJSON)) { $1 }
    return EnvoyConfiguration.typed("envoy.filters.http.ext_authz", "http.ext_authz.v3.ExtAuthz", fields)
  }
}
