// SPDX-License-Identifier: Apache-2.0

extension CalloutFilter {
  /// The filter of a `NetworkCalloutServer`. Defaults are Envoy's.
  ///
  /// Source: `envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor`.
  public struct NetworkExtProc: Sendable, Hashable {
    /// What the client sends goes to the server.
    public var processesRead = true
    /// What the upstream sends goes to the server.
    public var processesWrite = true
    /// Time for an answer, at most an hour.
    public var messageTimeout = Duration.milliseconds(200)
    /// Connections go on when the server fails.
    public var failOpen = false
    /// Namespaces of dynamic metadata that are sent.
    public var forwardedNamespaces: [String] = []

    public init() {}
  }

  /// The filter of an `AuthorizationServer`. Defaults are Envoy's.
  ///
  /// Source: `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`.
  public struct ExtAuthz: Sendable, Hashable {
    /// Time for the answer.
    public var timeout = Duration.milliseconds(200)
    /// Requests go on when the server fails.
    public var failOpen = false
    /// The status of the answer when the server fails, or nil for Envoy's 403.
    public var statusOnError: UInt32?
    /// The most of a request's body that the server is sent, or nil for none of it.
    public var maxRequestBytes: UInt32?
    /// A longer body is sent in part, instead of being answered 413.
    public var allowPartialBody = false
    /// The only headers that are sent, or nil for all. Each may end with `*`.
    public var forwardedHeaders: [String]?
    /// The route is chosen anew once the server has changed headers.
    public var clearRouteCache = false
    /// Namespaces of dynamic metadata that are sent.
    public var forwardedNamespaces: [String] = []
    /// The client's certificate is sent.
    public var includePeerCertificate = false
    /// The name that the TLS client asked for is sent.
    public var includeTLSSession = false

    public init() {}
  }
}
