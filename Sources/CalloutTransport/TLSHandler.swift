// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The NIO end of a TLS connection: what passes upwards is decrypted, what passes down is encrypted.
///
/// The channel becomes active for the handlers above once the handshake is done.
package final class TLSHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  private let session: TLSSession
  private let handshakeTimeout: TimeAmount
  private let handshakeEnded: () -> Void
  private var timeout: Scheduled<Void>?
  private var isHandshaking = false
  private var hasFailed = false

  /// `handshakeEnded` is called once for each handshake that was started, however it ends.
  package init(session: TLSSession, handshakeTimeout: TimeAmount, handshakeEnded: @escaping () -> Void = {}) {
    self.session = session
    self.handshakeTimeout = handshakeTimeout
    self.handshakeEnded = handshakeEnded
  }

  /// The application protocol that both sides chose, or nil.
  package var applicationProtocol: String? { session.applicationProtocol }

  /// The names in the certificate that the peer has shown.
  package var peerNames: [String] { session.peerNames }

  package func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { start(context) }
  }

  package func channelActive(context: ChannelHandlerContext) { start(context) }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasFailed else { return }
    session.receive(unwrapInboundIn(data))
    do {
      if isHandshaking { try continueHandshake(context) }
      if session.isEstablished { try deliverPlaintext(context) }
    } catch {
      fail(context, error)
    }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    let wasEstablished = session.isEstablished
    endHandshake()
    if wasEstablished { context.fireChannelInactive() }
  }

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    do {
      try session.write(unwrapOutboundIn(data))
      context.write(wrapOutboundOut(takeCiphertext(context)), promise: promise)
    } catch {
      promise?.fail(error)
      fail(context, error)
    }
  }

  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    session.close()
    sendCiphertext(context)
    context.close(mode: mode, promise: promise)
  }

  // MARK: Handshake

  private func start(_ context: ChannelHandlerContext) {
    isHandshaking = true
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    timeout = context.eventLoop.scheduleTask(in: handshakeTimeout) {
      let (handler, context) = bound.value
      handler.fail(
        context, TLSError(.handshakeFailed, "TLS handshake: not finished within \(handler.handshakeTimeout)"))
    }
    do {
      try continueHandshake(context)
    } catch {
      fail(context, error)
    }
  }

  private func continueHandshake(_ context: ChannelHandlerContext) throws(TLSError) {
    try session.handshake()
    sendCiphertext(context)
    guard session.isEstablished else { return }
    endHandshake()
    context.fireChannelActive()
  }

  private func endHandshake() {
    guard isHandshaking else { return }
    isHandshaking = false
    timeout?.cancel()
    timeout = nil
    handshakeEnded()
  }

  // MARK: Bytes

  private func deliverPlaintext(_ context: ChannelHandlerContext) throws(TLSError) {
    // A buffer of its own each time: one is at least a record of 16 KiB, too much for an idle connection to keep.
    var plaintext = ByteBuffer()
    let peerIsOpen = try session.read(into: &plaintext)
    if plaintext.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(plaintext))
    }
    sendCiphertext(context)
    if !peerIsOpen { context.close(promise: nil) }
  }

  private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
    guard !hasFailed else { return }
    hasFailed = true
    endHandshake()
    sendCiphertext(context)
    context.fireErrorCaught(error)
    context.close(promise: nil)
  }

  private func sendCiphertext(_ context: ChannelHandlerContext) {
    let ciphertext = takeCiphertext(context)
    if ciphertext.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(ciphertext), promise: nil) }
  }

  private func takeCiphertext(_ context: ChannelHandlerContext) -> ByteBuffer {
    var ciphertext = context.channel.allocator.buffer(capacity: 0)
    session.takeCiphertext(into: &ciphertext)
    return ciphertext
  }
}
