// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOPosix

/// A listener whose connections send back what they receive.
struct EchoServer {
  let listener: Listener

  init(
    to address: SocketAddress? = nil, tls: Listener.TLSSource? = nil, limits: Listener.Limits = Listener.Limits()
  ) async throws {
    listener = try await Listener.bind(
      to: address ?? SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton,
      tls: tls, limits: limits
    ) { channel in
      try channel.pipeline.syncOperations.addHandler(EchoHandler())
    }
  }

  func connect(_ tls: TLSContext? = nil) async throws -> EchoClient {
    try await EchoClient(to: listener.address!, tls: tls)
  }
}

private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}

/// A connection to an `EchoServer`.
struct EchoClient {
  private let channel: any Channel
  private let received: AsyncStream<ByteBuffer>

  init(to address: SocketAddress, tls: TLSContext? = nil) async throws {
    let (received, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
    self.received = received
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls {
          try channel.pipeline.syncOperations.addHandler(
            TLSHandler(
              session: TLSSession(tls, role: .client(serverName: "localhost")), handshakeTimeout: .seconds(30)))
        }
        try channel.pipeline.syncOperations.addHandler(CollectingHandler(continuation))
      }
    }.connect(to: address).get()
  }

  /// Sends text once the connection is established, and waits for it to come back; nil when the connection is closed.
  func echo(_ text: String) async -> String? {
    channel.triggerUserOutboundEvent(SendWhenActive(text: text), promise: nil)
    var result = ""
    for await buffer in received {
      result += String(buffer: buffer)
      if result.utf8.count >= text.utf8.count { return result }
    }
    return nil
  }

  func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

  func close() async throws { try await channel.close() }

  /// Waits until the connection is closed.
  func closed() async throws { try await channel.closeFuture.get() }
}

private struct SendWhenActive: Sendable { var text: String }

/// Hands on what arrives; sends what it is asked to send once the channel is active, that is past any handshake.
private final class CollectingHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let continuation: AsyncStream<ByteBuffer>.Continuation
  private var isActive = false
  private var waiting: [String] = []

  init(_ continuation: AsyncStream<ByteBuffer>.Continuation) { self.continuation = continuation }

  func channelActive(context: ChannelHandlerContext) {
    isActive = true
    for text in waiting { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil) }
    waiting = []
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }

  func handlerRemoved(context: ChannelHandlerContext) { continuation.finish() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard let text = (event as? SendWhenActive)?.text else { return }
    waiting.append(text)
    if isActive { channelActive(context: context) }
    promise?.succeed()
  }
}

extension TLSContext {
  static func trusting(_ identity: TLSIdentity) throws -> TLSContext {
    try TLSContext(trustRoots: identity.certificateChain, protocols: ["h2"])
  }
}
