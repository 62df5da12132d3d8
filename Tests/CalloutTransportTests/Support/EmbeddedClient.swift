// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded

/// A client's connection handler in an embedded channel, and a server that a test plays frame by frame.
final class EmbeddedClient {
  let channel: EmbeddedChannel
  let observer = ConnectionObserverStub()
  let handler: HTTP2ConnectionHandler
  /// Frames that the client has sent and nobody has taken.
  private var sent = ByteBuffer()
  private var hasPreface = false

  /// - Parameter greeted: the server's SETTINGS have come.
  init(
    limits: HTTP2ConnectionHandler.Limits = HTTP2ConnectionHandler.Limits(), greeted: Bool = true
  ) throws {
    handler = HTTP2ConnectionHandler(session: HTTP2Session(role: .client), observer: observer, limits: limits)
    observer.isClient = true
    channel = EmbeddedChannel(handler: handler)
    try channel.connect(to: SocketAddress(unixDomainSocketPath: "embedded")).wait()
    guard greeted else { return }
    try receive(.settings(), .settingsAck)
    _ = try frames()
  }

  var isOpen: Bool { channel.isActive }

  /// Opens a request, which leaves with the end of this turn of the event loop.
  func open(_ streamHandler: StreamHandlerStub = StreamHandlerStub()) throws -> HTTP2Stream {
    let stream = try handler.session.openStream(.request)
    stream.handler = streamHandler
    return stream
  }

  func receive(_ frames: Frame...) throws { try channel.writeInbound(ByteBuffer(frames: frames)) }

  /// What the client has sent since this was last asked.
  func frames() throws -> [Frame] {
    channel.embeddedEventLoop.run()
    while let bytes = try channel.readOutbound(as: ByteBuffer.self) { sent.writeImmutableBuffer(bytes) }
    if !hasPreface, sent.readSlice(length: Frame.preface.readableBytes) != nil { hasPreface = true }
    defer { sent.clear() }
    return sent.frames
  }

  /// The kinds of those frames.
  func kinds() throws -> [Frame.Kind?] { try frames().map(\.kind) }

  func advance(by time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  /// Ends the test with a channel that is closed, so that nothing outlives it.
  func finish() throws { _ = try channel.finish(acceptAlreadyClosed: true) }
}
