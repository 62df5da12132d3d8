// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix
import Testing

@Suite("The server's name in a TLS client's first message", .timeLimit(.minutes(1)))
struct ServerNameTests {
  @Test(
    "it is the one configured, or the target's; an address is none",
    arguments: [
      (nil, "backend.test", "backend.test"), ("other.test", "backend.test", "other.test"),
      ("other.test", "127.0.0.1", "other.test"), (nil, "127.0.0.1", nil),
    ] as [(String?, String, String?)])
  func serverName(configured: String?, host: String, expected: String?) async throws {
    let greetings = Events<[UInt8]>()
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton
    ) { try $0.pipeline.syncOperations.addHandler(FirstBytes(greetings)) }
    let address = listener.address!
    var tls = GRPCChannel.TLS(trustRoots: try TLSIdentity.selfSigned().certificateChain, serverName: configured)
    // Whose certificate it must be does not change whom it asks for.
    tls.subjectAltNames = ["spiffe://test/backend"]
    let channel = try await GRPCChannel(
      GRPCTarget(.host(host, port: address.port!)), GRPCChannel.Configuration(tls: tls),
      resolver: NameResolver { _, _ in [address] })
    _ = await channel.failure()
    let greeting = try #require(await greetings.next())
    #expect(Self.serverName(in: greeting) == expected)
    await channel.close()
    try await listener.close()
  }

  /// The name in the extension `server_name` of a ClientHello (RFC 6066 §3), or nil.
  private static func serverName(in greeting: [UInt8]) -> String? {
    var bytes = ByteBuffer(bytes: greeting)
    // Record and handshake headers, version and random; then the session, the ciphers and the compression methods.
    bytes.moveReaderIndex(forwardBy: 5 + 4 + 2 + 32)
    guard bytes.readLengthPrefixedSlice(as: UInt8.self) != nil, bytes.readLengthPrefixedSlice(as: UInt16.self) != nil,
      bytes.readLengthPrefixedSlice(as: UInt8.self) != nil,
      var extensions = bytes.readLengthPrefixedSlice(as: UInt16.self)
    else { return nil }
    while let type = extensions.readInteger(as: UInt16.self),
      var content = extensions.readLengthPrefixedSlice(as: UInt16.self)
    {
      guard type == 0 else { continue }
      // The list's length and the kind of its only name.
      content.moveReaderIndex(forwardBy: 3)
      return content.readLengthPrefixedSlice(as: UInt16.self).map { String(buffer: $0) }
    }
    return nil
  }
}

/// Tells the first bytes of a connection, and closes it.
private final class FirstBytes: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let greetings: Events<[UInt8]>

  init(_ greetings: Events<[UInt8]>) { self.greetings = greetings }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    greetings.send(Array(buffer: unwrapInboundIn(data)))
    context.close(promise: nil)
  }
}
