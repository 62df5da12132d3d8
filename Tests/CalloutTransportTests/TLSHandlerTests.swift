// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded
import Testing

@Suite("TLS handler")
struct TLSHandlerTests {
  private let identity: TLSIdentity

  init() throws { identity = try .selfSigned() }

  @Test("handlers above see the channel become active once the handshake is done, and then plaintext")
  func handshake() throws {
    let server = try Server(identity)
    #expect(server.above.log.isEmpty)
    try server.shakeHands()
    #expect(server.above.log == ["active"])
    #expect(server.handshakesEnded == 1)

    try server.client.write(ByteBuffer(string: "question"))
    try server.channel.writeInbound(server.client.takeCiphertext())
    #expect(try server.channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "question"))

    try server.channel.writeOutbound(ByteBuffer(string: "answer"))
    try server.deliverToClient()
    var received = ByteBuffer()
    #expect(try server.client.read(into: &received))
    #expect(received == ByteBuffer(string: "answer"))
    _ = try server.channel.finish()
    #expect(server.above.log == ["active", "inactive"])
    #expect(server.handshakesEnded == 1)
  }

  @Test("a handshake not finished in time closes the channel, which never became active for those above")
  func timeout() throws {
    let server = try Server(identity)
    server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(4_999))
    #expect(server.channel.isActive)
    server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
    #expect(!server.channel.isActive)
    #expect(server.above.log == ["error"])
    #expect(server.handshakesEnded == 1)
  }

  @Test("a handshake that fails tells the client why, and closes the channel")
  func failure() throws {
    let server = try Server(identity, protocols: ["http/1.1"])
    try server.client.handshake()
    try server.channel.writeInbound(server.client.takeCiphertext())
    #expect(!server.channel.isActive)
    #expect(server.above.log == ["error"])
    #expect(server.handshakesEnded == 1)
    let error = #expect(throws: TLSError.self) { try server.deliverToClient() }
    #expect(error?.message.contains("alert") == true)
  }

  @Test("a connection lost during the handshake ends it, and those above never hear of it")
  func lost() throws {
    let server = try Server(identity)
    _ = try server.channel.finish()
    #expect(server.above.log.isEmpty)
    #expect(server.handshakesEnded == 1)
    server.channel.embeddedEventLoop.advanceTime(by: .seconds(10))
    #expect(server.above.log.isEmpty)
  }

  @Test("closing says so to the client, and so does the client to us")
  func closeNotify() throws {
    let closing = try Server(identity)
    try closing.shakeHands()
    try closing.channel.close().wait()
    try closing.deliverToClient()
    var rest = ByteBuffer()
    #expect(try !closing.client.read(into: &rest))

    let closed = try Server(identity)
    try closed.shakeHands()
    try closed.client.write(ByteBuffer(string: "last words"))
    closed.client.close()
    try closed.channel.writeInbound(closed.client.takeCiphertext())
    #expect(try closed.channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "last words"))
    #expect(!closed.channel.isActive)
    #expect(closed.above.log == ["active", "inactive"])
  }

  @Test("writing before the handshake is done fails")
  func earlyWrite() throws {
    let server = try Server(identity)
    #expect(throws: TLSError.self) { try server.channel.writeOutbound(ByteBuffer(string: "too early")) }
    #expect(!server.channel.isActive)
  }

  /// A handler under test in an embedded channel, and a client to talk to it.
  private final class Server {
    let client: TLSSession
    let above = Above()
    let channel: EmbeddedChannel
    private(set) var handshakesEnded = 0

    init(_ identity: TLSIdentity, protocols: [String] = ["h2"]) throws {
      client = TLSSession(
        try TLSContext(trustRoots: identity.certificateChain, protocols: protocols),
        role: .client(serverName: "localhost"))
      channel = EmbeddedChannel()
      let session = TLSSession(try TLSContext(serverIdentity: identity, protocols: ["h2"]), role: .server)
      try channel.pipeline.syncOperations.addHandler(
        TLSHandler(
          session: session, handshakeTimeout: .seconds(5), handshakeEnded: { [weak self] in self?.handshakesEnded += 1 }
        ))
      try channel.pipeline.syncOperations.addHandler(above)
      try channel.connect(to: SocketAddress(unixDomainSocketPath: "embedded")).wait()
    }

    func shakeHands() throws {
      for _ in 0..<2 {
        if !client.isEstablished { try client.handshake() }
        try channel.writeInbound(client.takeCiphertext())
        try deliverToClient()
      }
    }

    func deliverToClient() throws {
      while let ciphertext = try channel.readOutbound(as: ByteBuffer.self) { client.receive(ciphertext) }
      if !client.isEstablished { try client.handshake() }
    }
  }

  private final class Above: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var log: [String] = []

    func channelActive(context: ChannelHandlerContext) { log.append("active") }
    func channelInactive(context: ChannelHandlerContext) { log.append("inactive") }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { log.append("error") }
  }
}
