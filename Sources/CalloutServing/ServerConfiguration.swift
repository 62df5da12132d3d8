// SPDX-License-Identifier: Apache-2.0
public import XDSConfig

/// Where and how a server listens, and its limits. One that has no callouts does not listen for them.
public struct ServerConfiguration: Sendable {
  /// gRPC over TLS.
  public var secureAddress = ListenAddress.ip("0.0.0.0", 8443)
  /// gRPC over plaintext HTTP/2.
  public var plaintextAddress = ListenAddress.ip("0.0.0.0", 8080)
  /// Health over HTTP/1.1.
  public var healthCheckAddress = ListenAddress.ip("0.0.0.0", 8000)

  /// The proxies that this server configures by xDS, or nil for none. The server's own callouts are known in it by the
  /// names of their classes.
  public var proxy: ProxyConfiguration?
  /// The same as a file, which is read again when it changes: see `docs/proxy-yaml.md`.
  public var proxyConfigurationPath: String?
  /// The host name or address by which proxies reach this server from other machines, which they then do by TLS; nil
  /// where they are on this one.
  public var advertisedHost: String?
  /// The options ask for something that is done with a proxy's description.
  package var wantsProxy = false
  /// What to do instead of serving.
  package var proxyCommand: ProxyCommand?

  /// Discovery, where there is a control plane: gRPC over plaintext HTTP/2 (or over TLS, see
  /// `xdsClientAuthoritiesPath`), and REST.
  ///
  /// Only for this machine by default: what it serves may hold private keys.
  public var xdsAddress = ListenAddress.ip("127.0.0.1", 18000)
  /// PEM file of the authorities that issue proxies' certificates: discovery is then over TLS, and only for proxies
  /// with such a certificate.
  public var xdsClientAuthoritiesPath: String?

  public var disableTLS = false
  public var disablePlaintext = false
  /// Health over HTTPS, with the certificate of the callouts.
  public var secureHealthCheck = false
  /// No listener for health: probes use `grpc.health.v1` on the ports of the callouts.
  public var combinedHealthCheck = false

  /// Serves `grpc.health.v1` with the other services; a proxy may leave it to its backends.
  public var servesHealth = true
  /// Serves reflection with the other services; a proxy may leave it to its backends.
  public var servesReflection = true

  /// What the health listener shows at other paths than those of health, such as metrics at `/metrics`. A page is made
  /// anew for each request, on an event loop: that must not block.
  public var healthPages: [String: @Sendable () -> Page] = [:]

  /// A page of the health listener.
  public struct Page: Sendable {
    public var contentType: String
    public var body: [UInt8]

    public init(contentType: String, body: [UInt8]) {
      self.contentType = contentType
      self.body = body
    }
  }

  /// PEM files of the certificate chain and of its key, or nil for a self-signed certificate made in memory.
  ///
  /// They are read again when they change.
  public var certificateChainPath: String?
  public var privateKeyPath: String?
  /// Time between two looks at the certificate files.
  public var certificateReloadInterval: Duration = .seconds(10)

  /// Event loops, one thread each; the cores this process may use where it is nil.
  public var threads: Int?

  /// Time to go on accepting after health turned negative, so that whoever balances load can notice.
  public var drainDelay: Duration = .seconds(5)
  /// Time that streams have to finish after that, before they are ended.
  public var gracePeriod: Duration = .seconds(10)

  public var limits = Limits()

  public init() {}

  /// Limits, each with what happens when it is reached.
  public struct Limits: Sendable {
    /// Bytes of a message; a longer one ends its stream with RESOURCE_EXHAUSTED. gRPC's usual 4 MiB holds the
    /// 1 MiB that Envoy buffers by default.
    public var messageSize = 4 * 1_024 * 1_024
    /// Bytes of a header list as HTTP/2 counts them; a longer one resets its stream. Four times what gRPC peers
    /// advertise.
    public var headerListSize = 32 * 1_024
    /// Streams at once on a connection; one more is refused. An Envoy worker opens another connection then.
    public var streamsPerConnection = 1_000
    /// Connections at once on a listener; one more is closed at once. Idle they take 300 MB, and a descriptor each:
    /// a program raises its soft limit of those to the hard one when it starts.
    public var connections = 10_000
    /// TLS handshakes at once on a listener; one more is closed at once. Each costs a millisecond of a core.
    public var handshakes = 1_000
    /// Time for a TLS handshake, and for the HTTP/2 preface after it; then the connection is closed.
    public var handshakeTime: Duration = .seconds(10)
    /// Time a connection may be without streams before it is closed, or nil for ever: Envoy keeps connections.
    public var idleTime: Duration?
    /// Resets of unanswered streams that a connection may have at once, as when every client of a proxy leaves;
    /// more end it with ENHANCE_YOUR_CALM.
    public var unansweredResets = 1_000
    /// The same, per second after that.
    public var unansweredResetsPerSecond = 33

    public init() {}
  }
}

/// Why a server cannot start, in one line for whoever started it.
public struct StartupError: Error, Sendable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}
