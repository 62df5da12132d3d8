// SPDX-License-Identifier: Apache-2.0

/// Somebody whom the proxy asks about requests or connections.
public struct Callout: Sendable, Hashable {
  /// What listeners and routes call it; it is its filter's name too.
  public var name: String
  public var filter: CalloutFilter
  public var server: CalloutServerLocation

  public init(_ name: String, _ filter: CalloutFilter, at server: CalloutServerLocation) {
    self.name = name
    self.filter = filter
    self.server = server
  }
}

/// Where the gRPC server of callouts is. Callouts of the same server share its connections.
public struct CalloutServerLocation: Sendable, Hashable {
  /// The name of its cluster, as in `cluster.<name>.upstream_cx_total`.
  public var cluster: String
  /// Its addresses; names are looked up again and again.
  public var addresses: [ProxyAddress]
  /// TLS, or nil for plaintext.
  public var tls: ClientTLS?
  /// What calls carry as `:authority`, or nil for the name that TLS asks for, or else the cluster's.
  public var authority: String?
  /// Most calls at once, beyond which Envoy fails requests. Each request that is under way is one, for each callout.
  public var maxRequests: UInt32 = 1_000_000
  /// Whether servers are asked how they are (`grpc.health.v1`), and left out while they are not well.
  public var checksHealth = true

  public init(_ addresses: [ProxyAddress], cluster: String = "callout", tls: ClientTLS? = nil) {
    self.addresses = addresses
    self.cluster = cluster
    self.tls = tls
  }
}

/// What a callout needs of the filter that asks it.
public enum CalloutFilter: Sendable, Hashable {
  /// Messages of HTTP: `envoy.filters.http.ext_proc`.
  case extProc(ExtProc)
  /// Bytes of connections: `envoy.filters.network.ext_proc`, from Envoy 1.36 on.
  case networkExtProc(NetworkExtProc)
  /// Whether requests may pass: `envoy.filters.http.ext_authz`.
  case extAuthz(ExtAuthz)

  /// Whether it belongs into a TCP listener.
  public var isNetwork: Bool {
    if case .networkExtProc = self { true } else { false }
  }
}
