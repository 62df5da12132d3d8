// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The NIO end of an HTTP/2 connection: moves bytes between a channel and its `HTTP2Session`.
///
/// Everything a turn of the event loop produces leaves in one write. From a peer that does not read what we write we
/// stop reading in the end, so a connection's memory is bounded by that mark and by the flow-control windows.
package final class HTTP2ConnectionHandler: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias OutboundIn = Never
  package typealias OutboundOut = ByteBuffer

  package let session: HTTP2Session
  private let observer: any HTTP2ConnectionObserver
  private let limits: Limits

  @exclusivity(unchecked) private var context: ChannelHandlerContext?
  // Exclusive access is not checked at run time for what every frame touches, as in HTTP2Session.
  @exclusivity(unchecked) private var sharedOutput: SharedOutput?
  /// The channel can carry HTTP/2: connected, and past the TLS handshake if there is one.
  private var isStarted = false
  @exclusivity(unchecked) private var isReading = false
  @exclusivity(unchecked) private var isFlushing = false
  @exclusivity(unchecked) private var isDispatching = false
  @exclusivity(unchecked) private var isFlushScheduled = false
  private var isReadHeldBack = false
  private var isClosing = false
  @exclusivity(unchecked) private var isTrimScheduled = false
  /// There were streams since memory was last given back, or is about to be.
  @exclusivity(unchecked) private var hasWorked = false
  @exclusivity(unchecked) private var prefaceTimeout: Scheduled<Void>?
  private var idleTimeout: Scheduled<Void>?
  private var keepalive: Scheduled<Void>?
  /// When something was received last, where keepalive is to know.
  @exclusivity(unchecked) private var lastHeard = NIODeadline.distantPast
  /// The peer was asked by keepalive, and nothing was received since.
  @exclusivity(unchecked) private var isAsking = false
  private var shutdown = Shutdown.none

  package struct Limits: Sendable {
    /// Time a peer has for its connection preface.
    package var prefaceTimeout: TimeAmount = .seconds(10)
    /// Time a connection may have no stream before it is closed, or nil for ever: Envoy keeps its connections.
    package var idleTimeout: TimeAmount?
    /// Asks the peer whether it is still there, or nil to leave that to TCP.
    package var keepalive: Keepalive?
    /// Time between the announcement of a shutdown and the refusal of streams, if the peer answers no PING.
    package var shutdownNotice: TimeAmount = .seconds(1)
    /// Time a peer has to read the last that was written to it.
    package var closeTimeout: TimeAmount = .seconds(10)

    package init() {}

    /// PINGs on a connection from which nothing comes.
    package struct Keepalive: Sendable {
      /// Time without a byte from the peer after which it is asked.
      package var interval: TimeAmount
      /// Time for any answer; then the connection is closed.
      package var timeout: TimeAmount
      /// Whether it also asks while there are no streams.
      package var withoutStreams: Bool

      package init(interval: TimeAmount, timeout: TimeAmount, withoutStreams: Bool) {
        self.interval = interval
        self.timeout = timeout
        self.withoutStreams = withoutStreams
      }
    }
  }

  private enum Shutdown { case none, announced, refusing }

  package init(session: HTTP2Session, observer: any HTTP2ConnectionObserver, limits: Limits = Limits()) {
    self.session = session
    self.observer = observer
    self.limits = limits
  }

  // MARK: Channel

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    session.delegate = self
    if context.channel.isActive { start(context) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    session.delegate = nil
  }

  package func channelActive(context: ChannelHandlerContext) {
    start(context)
    context.fireChannelActive()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    if limits.keepalive != nil { heardPeer(context) }
    do {
      try session.receive(unwrapInboundIn(data))
    } catch {
      observer.connectionFailed(error)
      context.close(promise: nil)
    }
    dispatchEvents()
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    flush()
    context.fireChannelReadComplete()
  }

  package func read(context: ChannelHandlerContext) {
    // What waits for the peer's windows is no reason: it opens them in what is to be read.
    if context.channel.isWritable || !session.isOutboundFull {
      context.read()
    } else {
      isReadHeldBack = true
    }
  }

  package func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      flush()
      if isReadHeldBack, context.channel.isWritable {
        isReadHeldBack = false
        context.read()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  package func channelInactive(context: ChannelHandlerContext) {
    prefaceTimeout?.cancel()
    idleTimeout?.cancel()
    keepalive?.cancel()
    observer.connectionEnding(self)
    session.connectionClosed()
    dispatchEvents()
    observer.connectionClosed(self)
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    observer.connectionFailed(error)
    context.close(promise: nil)
  }

  // MARK: Shutdown

  /// Starts the two-step GOAWAY (RFC 9113 §6.8); the connection closes once its streams have ended.
  package func beginShutdown() {
    guard shutdown == .none, let context else { return }
    shutdown = .announced
    observer.connectionEnding(self)
    session.announceShutdown()
    flush()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: limits.shutdownNotice) { bound.value.refuseNewStreams() }
  }

  private func refuseNewStreams() {
    guard shutdown == .announced else { return }
    shutdown = .refusing
    session.refuseNewStreams()
    flush()
  }

  // MARK: Bytes and events

  private func start(_ context: ChannelHandlerContext) {
    isStarted = true
    sharedOutput = SharedOutput.current
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    prefaceTimeout = context.eventLoop.scheduleTask(in: limits.prefaceTimeout) { bound.value.prefaceTimedOut() }
    if limits.keepalive != nil { heardPeer(context) }
    observer.connectionOpened(self)
    flush()
  }

  // MARK: Keepalive

  private func heardPeer(_ context: ChannelHandlerContext) {
    lastHeard = context.eventLoop.now
    guard keepalive == nil || isAsking else { return }
    isAsking = false
    watchPeer(context, from: lastHeard)
  }

  private func watchPeer(_ context: ChannelHandlerContext, from time: NIODeadline) {
    guard let limits = limits.keepalive else { return }
    keepalive?.cancel()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    keepalive = context.eventLoop.scheduleTask(deadline: time + limits.interval) { bound.value.askPeer(limits) }
  }

  private func askPeer(_ limits: Limits.Keepalive) {
    guard let context else { return }
    let now = context.eventLoop.now
    guard now >= lastHeard + limits.interval else { return watchPeer(context, from: lastHeard) }
    guard limits.withoutStreams || !session.streams.isEmpty else { return watchPeer(context, from: now) }
    isAsking = true
    session.ping()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    keepalive = context.eventLoop.scheduleTask(in: limits.timeout) { bound.value.peerIsSilent(limits.timeout) }
  }

  private func peerIsSilent(_ timeout: TimeAmount) {
    observer.connectionFailed(HTTP2Error(.cancel, by: .remote, "no answer to a keepalive PING within \(timeout)"))
    context?.close(promise: nil)
  }

  private func prefaceTimedOut() {
    observer.connectionFailed(
      HTTP2Error(.settingsTimeout, by: .remote, "no HTTP/2 connection preface within \(limits.prefaceTimeout)"))
    context?.close(promise: nil)
  }

  private func dispatchEvents() {
    // What a handler does may close the channel, which comes back here: the `closed` of its stream has to wait.
    guard !isDispatching else { return }
    isDispatching = true
    defer { isDispatching = false }
    while let event = session.nextEvent() {
      switch consume event {
      case .headers(let stream, let fields):
        stream._withUnsafeGuaranteedRef { stream in
          guard !isAbandoned(stream) else { return }
          hasWorked = true
          var handler = stream.handler
          if handler == nil {
            handler = observer.streamOpened(stream, on: self)
            stream.handler = handler
          }
          handler?.receiveHeaders(fields)
        }
      case .data(let stream, let data):
        stream._withUnsafeGuaranteedRef { stream in
          guard !isAbandoned(stream) else { return stream.consumed(data.readableBytes) }
          hasWorked = true
          stream.receiveData(data)
        }
      case .end(let stream): stream._withUnsafeGuaranteedRef { $0.receiveEnd() }
      case .drained(let stream): stream._withUnsafeGuaranteedRef { $0.outboundDrained() }
      case .closed(let stream, let code): stream.ended(code)
      case .goAway(let code, let lastStream): observer.connectionGoingAway(self, code, lastStream: lastStream)
      case .pingAcknowledged: refuseNewStreams()
      case .terminated(let code): observer.connectionTerminated(code)
      }
    }
    observer.eventsDispatched()
    if session.isEstablished, let timeout = prefaceTimeout {
      timeout.cancel()
      prefaceTimeout = nil
    }
  }

  /// A client that has reset its stream wants no work done for it any more. (A server's closed stream is one that it
  /// has ended: there what came before the end counts.)
  private func isAbandoned(_ stream: HTTP2Stream) -> Bool { stream.isClosed && session.role == .server }

  private func flush() {
    // A write can make the channel writable again before it returns, which asks for a flush: this one goes on anyway.
    guard isStarted, !isFlushing, let context, context.channel.isActive else { return }
    guard let sharedOutput else { return }
    isFlushing = true
    var output = sharedOutput.take()
    defer {
      isFlushing = false
      sharedOutput.giveBack(output)
    }
    do {
      while context.channel.isWritable {
        try session.writeOutput(to: &output, limit: Self.writeSize)
        dispatchEvents()
        guard output.readableBytes > 0 else { break }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        output.clear()
      }
    } catch {
      observer.connectionFailed(error)
      return context.close(promise: nil)
    }
    if session.isFinished { closeAfterOutput(context) }
    watchIdleness(context)
    trimWhenIdle(context)
  }

  /// Gives memory back when nothing has happened for a while: idle connections can be many, and their streams idle too.
  private func trimWhenIdle(_ context: ChannelHandlerContext) {
    guard !isTrimScheduled, hasWorked else { return }
    isTrimScheduled = true
    hasWorked = false
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: Self.timeToTrim) { bound.value.trim() }
  }

  private func trim() {
    isTrimScheduled = false
    guard let context else { return }
    guard !hasWorked else { return trimWhenIdle(context) }
    session.trimMemory()
  }

  /// Closes the channel when all that was written has left it, or when the peer takes too long over that.
  private func closeAfterOutput(_ context: ChannelHandlerContext) {
    guard !isClosing else { return }
    isClosing = true
    let written = context.eventLoop.makePromise(of: Void.self)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    let timeout = context.eventLoop.scheduleTask(in: limits.closeTimeout) { bound.value.close(promise: nil) }
    written.futureResult.whenComplete { _ in
      timeout.cancel()
      bound.value.close(promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
  }

  private func watchIdleness(_ context: ChannelHandlerContext) {
    guard let timeout = limits.idleTimeout, session.isEstablished else { return }
    if !session.streams.isEmpty {
      idleTimeout?.cancel()
      idleTimeout = nil
    } else if idleTimeout == nil {
      let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
      idleTimeout = context.eventLoop.scheduleTask(in: timeout) { bound.value.idleTimedOut() }
    }
  }

  private func idleTimedOut() {
    // A stream that was opened in this very turn of the loop has not come to a flush yet.
    if session.streams.isEmpty { beginShutdown() }
  }

  /// Bytes of one write: large enough for full frames, small enough that many connections share a loop fairly.
  private static let writeSize = 256 * 1_024
  /// Time without streams after which a connection is idle.
  private static let timeToTrim = TimeAmount.seconds(1)
}

extension HTTP2ConnectionHandler: HTTP2SessionDelegate {
  package func sessionHasOutput() {
    guard !isReading, !isFlushScheduled, let context else { return }
    isFlushScheduled = true
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.execute {
      bound.value.isFlushScheduled = false
      bound.value.flush()
    }
  }
}

/// Who is told about a connection, on its event loop.
package protocol HTTP2ConnectionObserver: AnyObject {
  func connectionOpened(_ connection: HTTP2ConnectionHandler)
  /// A peer opened a stream; the returned handler is told what arrives on it.
  func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)?
  /// Every event so far was handed on: the time to do what they asked for.
  func eventsDispatched()
  /// The peer announced that it ends the connection.
  func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32)
  /// We end the connection with GOAWAY and this code.
  func connectionTerminated(_ code: HTTP2ErrorCode)
  func connectionFailed(_ error: any Error)
  /// No streams may be opened any more: we have begun to shut down, or the connection is gone. Called before the streams
  /// learn of it, perhaps more than once.
  func connectionEnding(_ connection: HTTP2ConnectionHandler)
  /// The connection is gone; called once, last.
  func connectionClosed(_ connection: HTTP2ConnectionHandler)
}

extension HTTP2ConnectionObserver {
  /// Nothing: whoever opens no streams need not know.
  package func connectionEnding(_ connection: HTTP2ConnectionHandler) {}
}
