// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix

/// A gRPC server on a port of its own.
struct TestServer: Sendable {
  let server: GRPCServer
  let listener: Listener
  let log: LogCapture
  private let identity: TLSIdentity?

  var address: SocketAddress { listener.address! }

  /// Runs `body` with a server that has the given methods of `test.Service`, and other services.
  ///
  /// - Parameter clientTrustRoots: the issuers of clients' certificates, where those are needed.
  static func run(
    _ methods: [GRPCMethod] = [.echo], services: [GRPCService] = [], at address: SocketAddress? = nil,
    configuration: GRPCServer.Configuration = GRPCServer.Configuration(), tls identity: TLSIdentity? = nil,
    clientTrustRoots: [UInt8]? = nil, body: (TestServer) async throws -> Void
  ) async throws {
    let log = LogCapture()
    let server = GRPCServer(
      services: [GRPCService("test.Service", methods: methods)] + services, configuration: configuration,
      logger: log.logger)
    var tls: Listener.TLSSource?
    if let identity {
      let context = try TLSContext(
        serverIdentity: identity, protocols: ["h2"], clientTrustRoots: clientTrustRoots)
      tls = { context }
    }
    let listener = try await Listener.bind(
      to: address ?? SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton,
      tls: tls
    ) { channel in
      try server.serve(channel)
    }
    let testServer = TestServer(server: server, listener: listener, log: log, identity: identity)
    do {
      try await body(testServer)
    } catch {
      try await testServer.stop()
      throw error
    }
    try await testServer.stop()
  }

  func connect(maxMessageLength: Int? = nil) async throws -> GRPCChannel {
    var configuration = GRPCChannel.Configuration(
      tls: identity.map { GRPCChannel.TLS(trustRoots: $0.certificateChain, serverName: "localhost") })
    if let maxMessageLength { configuration.maxMessageLength = maxMessageLength }
    return try await GRPCChannel.connect(to: address, configuration: configuration)
  }

  func connectRaw() async throws -> RawClient { try await RawClient(to: address) }

  private func stop() async throws {
    try? await listener.close()
    server.closeConnections()
    await server.drain()
  }
}

extension GRPCMethod {
  /// Sends every message back.
  static let echo = GRPCMethod("Echo") { (requests, responses, _) in
    for try await message in requests { try await responses.send(message) }
  }
}

let echoPath = "/test.Service/Echo"

extension GRPCChannel {
  /// Makes a call with one message, and returns the one that comes back.
  func ask(_ path: String = echoPath, _ text: String = "x", compressed: Bool = false) async throws -> String? {
    let call = try await call(path, compressed: compressed)
    // A server may end the call before it has the message.
    try? await call.send(ByteBuffer(string: text))
    call.halfClose()
    let answer = try await call.next()
    let ending = await call.ending
    guard ending.status == .ok else { throw ending.status }
    return answer.map { String(buffer: $0) }
  }

  /// Makes a call with one message, and returns how it ended.
  func status(of path: String, _ text: String = "x") async throws -> GRPCStatus {
    let call = try await call(path)
    try? await call.send(ByteBuffer(string: text))
    call.halfClose()
    return await call.ending.status
  }
}

extension GRPCCall {
  /// The next message as text.
  func text() async throws -> String? { try await next().map { String(buffer: $0) } }

  /// All messages still to come, as text.
  func texts() async throws -> [String] {
    var texts: [String] = []
    while let text = try await text() { texts.append(text) }
    return texts
  }
}
