// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOPosix

/// A TCP connection on which a test writes whatever bytes it likes, and pieces to write HTTP/2 by hand.
struct RawConnection: Sendable {
  private let channel: any Channel
  private let received: Collector

  init(to address: SocketAddress, autoRead: Bool = true) async throws {
    let received = Collector()
    self.received = received
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: autoRead)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(received) }
      }.connect(to: address).get()
  }

  var isOpen: Bool { channel.isActive }

  func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

  /// Sends, and waits until the bytes have left; false when the connection is gone.
  func sendAll(_ bytes: [UInt8]) async -> Bool {
    await withCheckedContinuation { continuation in
      channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { result in
        if case .success = result {
          continuation.resume(returning: true)
        } else {
          continuation.resume(returning: false)
        }
      }
    }
  }

  /// Waits until the server has closed the connection; returns all that it had sent.
  func closed() async throws -> [UInt8] {
    try await channel.closeFuture.get()
    return try await channel.eventLoop.submit { received.bytes }.get()
  }

  func close() async throws { try await channel.close() }

  static let greeting: [UInt8] = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(type: 4, stream: 0, [])

  static func settings(initialWindow: UInt32) -> [UInt8] { settings([4: initialWindow]) }

  /// SETTINGS by their numbers (RFC 9113 §6.5.2).
  static func settings(_ values: [UInt8: UInt32] = [:]) -> [UInt8] {
    var payload: [UInt8] = []
    for (name, value) in values { payload += [0, name] + bytes(value) }
    return frame(type: 4, stream: 0, payload)
  }

  static func windowUpdate(_ stream: UInt32, by increment: UInt32) -> [UInt8] {
    frame(type: 8, stream: stream, bytes(increment))
  }

  static func reset(_ stream: UInt32, _ code: HTTP2ErrorCode = .cancel) -> [UInt8] {
    frame(type: 3, stream: stream, bytes(code.rawValue))
  }

  static func goAway(lastStream: UInt32, _ code: HTTP2ErrorCode = .noError) -> [UInt8] {
    frame(type: 7, stream: 0, bytes(lastStream) + bytes(code.rawValue))
  }

  static func data(_ stream: UInt32, _ payload: [UInt8], endStream: Bool = false) -> [UInt8] {
    frame(type: 0, flags: endStream ? 1 : 0, stream: stream, payload)
  }

  /// The headers of a gRPC request.
  static func request(_ stream: UInt32, _ path: String, endStream: Bool = false) -> [UInt8] {
    let fields: KeyValuePairs = [
      ":method": "POST", ":scheme": "http", ":authority": "test", ":path": path, "content-type": "application/grpc",
      "te": "trailers",
    ]
    return headers(stream, fields, endStream: endStream)
  }

  /// A header section in HPACK's plainest form (RFC 7541 §6.2.2).
  static func headers(_ stream: UInt32, _ fields: KeyValuePairs<String, String>, endStream: Bool = false) -> [UInt8] {
    var block: [UInt8] = []
    for (name, value) in fields {
      block += [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    return frame(type: 1, flags: endStream ? 5 : 4, stream: stream, block)
  }

  static func frame(type: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    Array(bytes(UInt32(payload.count)).dropFirst()) + [type, flags] + bytes(stream) + payload
  }

  /// The error code of the first GOAWAY frame among the bytes that a server sent.
  static func goAwayCode(in bytes: [UInt8]) -> UInt32? {
    var rest = ByteBuffer(bytes: bytes)
    while let header = rest.readBytes(length: 9) {
      let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
      guard let payload = rest.readBytes(length: length) else { return nil }
      if header[3] == 7 { return payload[4..<8].reduce(0) { $0 << 8 | UInt32($1) } }
    }
    return nil
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }

  private final class Collector: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: used on the channel's event loop only.
    typealias InboundIn = ByteBuffer
    private(set) var bytes: [UInt8] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes += unwrapInboundIn(data).readableBytesView
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
