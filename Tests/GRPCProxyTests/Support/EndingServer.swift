// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOPosix

/// A server that ends each connection's first stream with a header section and never resets it, as HTTP/2 allows.
enum EndingServer {
  /// - Parameter fields: the header section in HPACK.
  static func run<Result>(answering fields: [UInt8], _ body: (SocketAddress) async throws -> Result) async throws
    -> Result
  {
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton
    ) { channel in
      try channel.pipeline.syncOperations.addHandler(Handler(fields))
    }
    guard let address = listener.address else { throw ChannelError.unknownLocalAddress }
    return try await ended({ try? await listener.close() }) { try await body(address) }
  }

  /// `:status: 503`.
  static let unavailable: [UInt8] = [0x08, 3] + Array("503".utf8)
  /// `:status: 200`, `content-type: application/grpc`, `grpc-status: 9`.
  static let failedPrecondition: [UInt8] =
    [0x88] + literal("content-type", "application/grpc") + literal("grpc-status", "9")

  private static func literal(_ name: String, _ value: String) -> [UInt8] {
    [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: [UInt8]
    private var received = ByteBuffer()
    private var hasPreface = false

    init(_ fields: [UInt8]) { answer = Self.frame(type: 1, flags: 5, stream: 1, fields) }

    func channelActive(context: ChannelHandlerContext) {
      context.writeAndFlush(
        wrapOutboundOut(ByteBuffer(bytes: Self.frame(type: 4, flags: 0, stream: 0, []))), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.writeImmutableBuffer(unwrapInboundIn(data))
      if !hasPreface { hasPreface = received.readSlice(length: 24) != nil }
      while hasPreface, received.readableBytes >= 9 {
        let header = received.getBytes(at: received.readerIndex, length: 9) ?? []
        let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        guard received.readableBytes >= 9 + length else { return }
        received.moveReaderIndex(forwardBy: 9 + length)
        if header[3] == 1 { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil) }
      }
    }

    private static func frame(type: UInt8, flags: UInt8, stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
      [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }
  }
}
