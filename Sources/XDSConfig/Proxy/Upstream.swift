// SPDX-License-Identifier: Apache-2.0

extension ProxyConfiguration {
  /// Servers that requests or connections are passed to.
  public struct Upstream: Sendable, Hashable {
    public var name: String
    /// Where the servers are: addresses, names or Unix-domain sockets. Names are looked up again and again.
    public var endpoints: [ProxyAddress]
    /// How names are used.
    public var dns = DNS.allAddresses
    /// The servers' addresses travel by themselves (EDS), so that a change of them leaves connections alone. Not for names.
    public var usesEDS = false
    public var httpVersion = HTTPVersion.http1
    /// TLS, or nil for plaintext.
    public var tls: ClientTLS?
    public var connectTimeout = Duration.seconds(5)
    public var healthCheck: HealthCheck?
    public var balancing = Balancing.leastRequest

    public init(_ name: String, at endpoints: [ProxyAddress]) {
      self.name = name
      self.endpoints = endpoints
    }

    public enum DNS: String, Sendable, Hashable, CaseIterable {
      /// Each address of a name is a server (STRICT_DNS).
      case allAddresses = "all"
      /// One name stands for one service, whose first address is taken for new connections (LOGICAL_DNS).
      case firstAddress = "first"
    }

    public enum HTTPVersion: Sendable, Hashable {
      case http1
      case http2
    }

    public enum Balancing: String, Sendable, Hashable, CaseIterable {
      case leastRequest = "least_request"
      case roundRobin = "round_robin"
      case random = "random"
    }
  }

  /// Asks servers whether they are well, and leaves out those that are not.
  public struct HealthCheck: Sendable, Hashable {
    public var kind: Kind
    /// Time between checks.
    public var interval = Duration.seconds(5)
    /// Time for an answer.
    public var timeout = Duration.seconds(1)

    public init(_ kind: Kind) { self.kind = kind }

    public enum Kind: Sendable, Hashable {
      /// A page that has to answer 200.
      case http(path: String)
      /// A connection that has to come about.
      case tcp
      /// `grpc.health.v1`, about a service or, empty, the server.
      case grpc(service: String)
    }
  }
}
