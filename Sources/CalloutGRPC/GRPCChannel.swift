// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
public import NIOCore
internal import NIOPosix

/// A connection to a gRPC server, on which any number of calls can be made at once.
///
/// Safe to use from any thread.
public final class GRPCChannel: Sendable {
  public struct Configuration: Sendable {
    /// How the server is known to be the right one, or nil for plaintext HTTP/2 without upgrade.
    public var tls: TLS?
    /// What calls send as `:authority`; the target's host and port where it is nil.
    public var authority: String?
    /// The longest message accepted, in bytes; a longer one ends its call with RESOURCE_EXHAUSTED.
    public var maxMessageLength = 4 * 1_024 * 1_024
    /// Time to connect and shake hands.
    public var connectTimeout: Duration = .seconds(10)

    public init(tls: TLS? = nil) { self.tls = tls }
  }

  /// Trust in a server's certificate.
  public struct TLS: Sendable {
    /// Trusted certificates, PEM, or nil for the system's.
    public var trustRoots: [UInt8]?
    /// The name that the server's certificate must bear; the target's host where it is nil.
    public var serverName: String?
    /// The client's own certificate chain and key, PEM, for servers that ask for one.
    public var identity: (certificateChain: [UInt8], privateKey: [UInt8])?
    /// Whether the certificate is looked at; without that anybody can pose as the server.
    public var verifiesServer = true

    public init(trustRoots: [UInt8]? = nil, serverName: String? = nil) {
      self.trustRoots = trustRoots
      self.serverName = serverName
    }
  }

  private let connection: NIOLoopBound<GRPCClientConnection>

  private init(_ connection: NIOLoopBound<GRPCClientConnection>) { self.connection = connection }

  /// Connects; throws UNAVAILABLE with the reason when that cannot be done.
  ///
  /// - Parameters:
  ///   - target: an IP address and port, or the path of a Unix-domain socket.
  ///   - eventLoop: the loop the connection lives on; one of the process's shared loops where it is nil.
  public static func connect(
    to target: SocketAddress, configuration: Configuration = Configuration(), on eventLoop: (any EventLoop)? = nil
  ) async throws -> GRPCChannel {
    let eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
    let host = target.ipAddress ?? "localhost"
    let tls = try configuration.tls.map { tls in
      let context = try TLSContext(
        trustRoots: tls.trustRoots, protocols: ["h2"],
        identity: tls.identity.map { TLSIdentity(certificateChain: $0.certificateChain, privateKey: $0.privateKey) },
        verifiesServer: tls.verifiesServer)
      return (context, tls.serverName ?? host)
    }
    let timeout = TimeAmount(configuration.connectTimeout)
    let established = eventLoop.makePromise(of: NIOLoopBound<GRPCClientConnection>.self)
    let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        if target.pathname == nil { try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
        if let (context, serverName) = tls {
          try channel.pipeline.syncOperations.addHandler(
            TLSHandler(
              session: TLSSession(context, role: .client(serverName: serverName)), handshakeTimeout: timeout))
        }
        let connection = GRPCClientConnection(
          configuration: configuration, defaultAuthority: Self.authority(of: target), established: established,
          channel: channel)
        try channel.pipeline.syncOperations.addHandler(
          HTTP2ConnectionHandler(session: HTTP2Session(role: .client), observer: connection))
      }
    }
    do {
      let channel = try await bootstrap.connect(to: target).get()
      channel.closeFuture.whenComplete { _ in
        established.fail(GRPCStatus(.unavailable, "the connection was closed"))
      }
      return GRPCChannel(try await established.futureResult.get())
    } catch {
      established.fail(error)
      throw error as? GRPCStatus ?? GRPCStatus(.unavailable, "cannot connect to \(target): \(error)")
    }
  }

  /// Opens a call.
  ///
  /// - Parameters:
  ///   - path: the method's path, such as `/grpc.health.v1.Health/Check`.
  ///   - timeout: the call's deadline from now, told to the server and kept here: DEADLINE_EXCEEDED ends it.
  ///   - compressed: sends messages compressed with gzip.
  public func call(
    _ path: String, metadata: Metadata = [:], timeout: Duration? = nil, compressed: Bool = false
  ) async throws -> GRPCCall {
    let connection = connection
    return try await connection.eventLoop.submit {
      try connection.value.open(path, metadata: metadata, timeout: timeout, compression: compressed ? .gzip : .identity)
    }.get()
  }

  /// Closes the connection; calls that are still going on end with UNAVAILABLE.
  public func close() async {
    let connection = connection
    try? await connection.eventLoop.flatSubmit { connection.value.close() }.get()
  }

  private static func authority(of target: SocketAddress) -> String {
    guard let host = target.ipAddress, let port = target.port else { return "localhost" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
