// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
public import NIOCore
internal import NIOPosix

/// A TCP connection of a test's, whose two directions end one by one.
///
/// Safe to use from any thread; one task at a time sends, and one receives.
public final class TCPConnection: Sendable {
  private let channel: any Channel
  private let reader: NIOLoopBound<ReadHandler>

  fileprivate init(_ channel: any Channel, _ reader: NIOLoopBound<ReadHandler>) {
    self.channel = channel
    self.reader = reader
  }

  /// Connects.
  public static func connect(to address: ListenAddress) async throws -> TCPConnection {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.autoRead, value: false)
      .connect(to: address.resolve()).get()
    return try await channel.eventLoop.submit { try on(channel) }.get()
  }

  /// Takes a channel as a connection; called on its event loop.
  ///
  /// - Parameter whenActive: called when the connection can be used, if it cannot be used already.
  static func on(
    _ channel: any Channel, whenActive: @escaping (TCPConnection) -> Void = { _ in }
  ) throws -> TCPConnection {
    let handler = ReadHandler(channel.eventLoop)
    try channel.pipeline.syncOperations.addHandler(handler)
    let connection = TCPConnection(channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
    handler.whenActive = { whenActive(connection) }
    return connection
  }

  /// Sends bytes; waits until the system has taken them. Throws where the connection is gone.
  public func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }

  /// Sends text.
  public func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

  /// Ends our direction; the other goes on.
  public func finish() async throws { try await channel.close(mode: .output) }

  /// The next bytes, or nil where the peer has ended its direction; throws where the connection was reset.
  public func receive(upTo limit: Int = .max) async throws -> ByteBuffer? {
    let reader = reader
    return try await withTaskCancellationHandler {
      try await reader.eventLoop.flatSubmit { reader.value.next(limit) }.get()
    } onCancel: {
      channel.close(promise: nil)
    }
  }

  /// So many bytes; fewer where the peer ends its direction before.
  public func receive(_ count: Int) async throws -> ByteBuffer {
    var bytes = ByteBuffer()
    while bytes.readableBytes < count, let piece = try await receive(upTo: count - bytes.readableBytes) {
      bytes.writeImmutableBuffer(piece)
    }
    return bytes
  }

  /// All that the peer sends until it ends its direction, as text.
  public func receiveAll() async throws -> String {
    var bytes = ByteBuffer()
    while let piece = try await receive() { bytes.writeImmutableBuffer(piece) }
    return String(buffer: bytes)
  }

  /// Closes with a reset, as a program does that ends with bytes unread.
  public func reset() async throws {
    // SO_LINGER with no time to linger.
    let linger = linger(l_onoff: 1, l_linger: 0)
    try await channel.eventLoop.flatSubmit { [channel] in
      (channel as! any SocketOptionProvider).setSoLinger(linger)
    }.get()
    await close()
  }

  /// Closes both directions.
  public func close() async { try? await channel.close() }
}

/// Reads when asked, so that what is not wanted stays with the peer. Confined to the event loop of its connection.
private final class ReadHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let eventLoop: any EventLoop
  private var context: ChannelHandlerContext?
  private var received = ByteBuffer()
  /// What there is after the bytes received.
  private var end: Result<ByteBuffer?, any Error>?
  private var waiting: (promise: EventLoopPromise<ByteBuffer?>, limit: Int)?

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  var whenActive: (() -> Void)?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    whenActive?()
    whenActive = nil
  }

  func next(_ limit: Int) -> EventLoopFuture<ByteBuffer?> {
    let promise = eventLoop.makePromise(of: ByteBuffer?.self)
    waiting = (promise, limit)
    answer()
    if waiting != nil { context?.read() }
    return promise.futureResult
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.writeImmutableBuffer(unwrapInboundIn(data))
    answer()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if waiting != nil { context.read() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { ended(.success(nil)) }
  }

  func channelInactive(context: ChannelHandlerContext) { ended(.success(nil)) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    ended(.failure(error))
    context.close(promise: nil)
  }

  private func ended(_ end: Result<ByteBuffer?, any Error>) {
    self.end = self.end ?? end
    answer()
  }

  private func answer() {
    guard let waiting else { return }
    if received.readableBytes > 0 {
      self.waiting = nil
      waiting.promise.succeed(received.readSlice(length: min(waiting.limit, received.readableBytes)))
      received.discardReadBytes()
    } else if let end {
      self.waiting = nil
      waiting.promise.completeWith(end)
    }
  }
}
