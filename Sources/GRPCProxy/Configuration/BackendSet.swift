// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC

/// Servers of which each can take a call: one of them is chosen for every call anew.
public struct BackendSet: Sendable, Hashable {
  /// What routes and logs call it.
  public var name: String
  public var backends: [Backend]
  public var balancing = Balancing.roundRobin
  /// Asks the backends whether they are well, or nil to take them for well.
  public var healthCheck: HealthCheck?
  /// Leaves backends out for a while that fail again and again, or nil to go on trying.
  public var outlierDetection: OutlierDetection? = OutlierDetection()
  /// Time between two look-ups of a backend's name. Its addresses are backends, each of them.
  public var resolutionInterval: Duration = .seconds(30)
  /// How connections are made and kept.
  public var connection = GRPCChannel.ConnectionConfiguration()

  public init(_ name: String, _ backends: [Backend]) {
    self.name = name
    self.backends = backends
  }

  /// How the backend of a call is chosen among those that are well.
  public enum Balancing: String, Sendable, Hashable, CaseIterable {
    /// One after the other.
    case roundRobin = "round_robin"
    /// The one that has the fewest calls from this proxy, one after the other where they are equal.
    case leastRequest = "least_request"
  }

  /// Active health checks by `grpc.health.v1`. A backend counts as well until its first answer.
  public struct HealthCheck: Sendable, Hashable {
    /// The service asked about; empty for the server as a whole.
    public var service = ""
    /// Time between an answer and the next question.
    public var interval: Duration = .seconds(5)
    /// Time for an answer.
    public var timeout: Duration = .seconds(1)
    /// So many bad answers in a row, or none in time, leave a backend out.
    public var unhealthyThreshold = 2
    /// So many good answers in a row take it back.
    public var healthyThreshold = 1

    public init() {}
  }

  /// Passive health checks: a backend whose calls fail is left out for a while, if others remain.
  public struct OutlierDetection: Sendable, Hashable {
    /// So many calls in a row that ended with UNAVAILABLE, or found no connection, leave a backend out.
    public var consecutiveFailures = 5
    /// Time for which it is left out; doubled with each time in a row.
    public var ejectionTime: Duration = .seconds(30)
    public var maxEjectionTime: Duration = .seconds(300)

    public init() {}
  }
}

/// A server that calls are passed to.
public struct Backend: Sendable, Hashable {
  /// An address, a name that is looked up again and again, or a Unix-domain socket.
  public var target: GRPCTarget
  /// Trust in the server and the certificate for it, or nil for plaintext.
  public var tls: GRPCChannel.TLS?
  /// What calls are sent with as `:authority`; that of the client where it is nil.
  public var authority: String?

  public init(_ target: GRPCTarget, tls: GRPCChannel.TLS? = nil, authority: String? = nil) {
    self.target = target
    self.tls = tls
    self.authority = authority
  }
}
