// SPDX-License-Identifier: Apache-2.0

extension GRPCChannel {
  public struct Configuration: Sendable, Hashable {
    /// How the server is known to be the right one, or nil for plaintext HTTP/2 without upgrade.
    public var tls: TLS?
    /// What calls send as `:authority`; the target's host and port where it is nil.
    public var authority: String?
    /// The longest message accepted, in bytes; a longer one ends its call with RESOURCE_EXHAUSTED.
    public var maxMessageLength = 4 * 1_024 * 1_024
    /// How connections are made and kept.
    public var connection = ConnectionConfiguration()

    public init(tls: TLS? = nil) { self.tls = tls }
  }

  /// Trust in a server's certificate.
  public struct TLS: Sendable, Hashable {
    /// Trusted certificates, PEM, or nil for the system's.
    public var trustRoots: [UInt8]?
    /// The name asked for (SNI), which the certificate must bear; the target's host where it is nil.
    public var serverName: String?
    /// DNS names and URIs of which the certificate must have one, exactly, in place of the server's name; for servers
    /// that are known by what they are, as by a SPIFFE ID, and not by where they are.
    public var subjectAltNames: [String] = []
    /// The client's own certificate, for servers that ask for one.
    public var identity: Identity?
    /// Whether the certificate is looked at; without that anybody can pose as the server.
    public var verifiesServer = true

    public init(trustRoots: [UInt8]? = nil, serverName: String? = nil) {
      self.trustRoots = trustRoots
      self.serverName = serverName
    }

    /// A certificate chain and its private key, both PEM.
    public struct Identity: Sendable, Hashable {
      public var certificateChain: [UInt8]
      public var privateKey: [UInt8]

      public init(certificateChain: [UInt8], privateKey: [UInt8]) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
      }
    }
  }

  /// How connections are made and kept.
  public struct ConnectionConfiguration: Sendable, Hashable {
    /// Time to connect, shake hands and get the server's HTTP/2 settings, for each address of the server.
    public var connectTimeout: Duration = .seconds(10)
    /// Time after a first failure in which no connection is tried; it grows by 1.6 with each further one, and is varied
    /// by a fifth so that clients don't come back all at once ("gRPC Connection Backoff Protocol").
    public var initialBackoff: Duration = .seconds(1)
    public var maxBackoff: Duration = .seconds(120)
    /// Asks the server from time to time whether it is still there, or nil to leave that to TCP.
    public var keepalive: Keepalive?
    /// Connections to a server from one event loop; there is a second only when the first has as many calls as the
    /// server takes at once, and calls that none has room for wait.
    public var maxConnections = 16
    /// Time after which a connection without calls is closed, or nil to keep it.
    public var idleTime: Duration?

    public init() {}

    /// HTTP/2 PINGs on a connection from which nothing comes.
    public struct Keepalive: Sendable, Hashable {
      /// Time without a byte from the server after which it is asked. Servers may end connections that ask more
      /// often than they allow, which by gRPC's default is every five minutes.
      public var interval: Duration
      /// Time for any answer; then the connection is closed and its calls end with UNAVAILABLE.
      public var timeout: Duration = .seconds(20)
      /// Whether it also asks while there are no calls.
      public var withoutCalls = false

      public init(every interval: Duration) { self.interval = interval }
    }
  }
}
