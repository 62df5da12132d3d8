// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded

/// A server's connection handler in an embedded channel, and a client session to talk to it.
final class EmbeddedServer {
  let channel: EmbeddedChannel
  let observer = ConnectionObserverStub()
  let handler: HTTP2ConnectionHandler
  let client = SessionPeer(.client)
  let gate = OutboundGate()

  init(
    configuration: HTTP2Configuration = HTTP2Configuration(),
    limits: HTTP2ConnectionHandler.Limits = HTTP2ConnectionHandler.Limits()
  ) throws {
    handler = HTTP2ConnectionHandler(
      session: HTTP2Session(role: .server, configuration: configuration), observer: observer, limits: limits)
    channel = EmbeddedChannel(handlers: [gate, handler])
    try channel.connect(to: SocketAddress(unixDomainSocketPath: "embedded")).wait()
  }

  var isOpen: Bool { channel.isActive }

  /// Moves bytes both ways until neither side has any more.
  func exchange() throws {
    while true {
      channel.embeddedEventLoop.run()
      let fromServer = try readOutbound()
      if fromServer.readableBytes > 0 { try client.receive(fromServer) }
      let fromClient = try client.takeOutput()
      if fromClient.readableBytes > 0, channel.isActive { try channel.writeInbound(fromClient) }
      if fromServer.readableBytes + fromClient.readableBytes == 0 { return }
    }
  }

  /// All that the server has written.
  func readOutbound() throws -> ByteBuffer {
    var bytes = ByteBuffer()
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes.writeImmutableBuffer(buffer) }
    return bytes
  }

  func advance(by time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  func setWritable(_ isWritable: Bool) {
    channel.isWritable = isWritable
    channel.pipeline.fireChannelWritabilityChanged()
  }

  /// Ends the test with a channel that is closed, so that nothing outlives it.
  func finish() throws {
    _ = try channel.finish(acceptAlreadyClosed: true)
    client.connectionClosed()
  }
}

/// Stands where the socket would be and counts what reaches it.
final class OutboundGate: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private(set) var reads = 0
  private(set) var writes = 0

  func read(context: ChannelHandlerContext) {
    reads += 1
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    writes += 1
    guard isSlow else { return context.write(data, promise: promise) }
    if let promise { unread.append(promise) }
    context.write(data, promise: nil)
  }

  /// The peer does not read what was written.
  var isSlow = false
  private var unread: [EventLoopPromise<Void>] = []

  /// The peer has read everything.
  func allRead() {
    let read = unread
    unread = []
    for promise in read { promise.succeed() }
  }
}
