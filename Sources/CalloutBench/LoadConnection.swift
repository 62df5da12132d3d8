// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import CalloutTransport
import NIOCore
import NIOPosix

/// A connection that is kept under load, and made again when it is lost. Confined to its event loop.
final class LoadConnection: HTTP2ConnectionObserver {
  var tally = Tally()

  private let target: ListenAddress
  private let load: Load
  private let budget: Budget
  private let eventLoop: any EventLoop
  private let tls: TLSContext?
  private let fields: HeaderFields
  private var channel: (any Channel)?
  private var handler: HTTP2ConnectionHandler?
  private var active = 0
  private var hasBegun = false
  private var isStopping = false
  /// No more streams can be opened on this connection.
  private var isGoingAway = false
  private var isOutOfBudget = false
  private let finished: EventLoopPromise<Void>
  private var alarm: Scheduled<Void>?
  /// With a rate: when exchanges were to begin that have not.
  private var overdue = CircularBuffer<NIODeadline>()
  private var nextDue = NIODeadline.now()
  private var lastFailure: String?

  init(_ target: ListenAddress, _ load: Load, _ budget: Budget, _ tls: TLSContext?, on eventLoop: any EventLoop) {
    self.target = target
    self.load = load
    self.budget = budget
    self.tls = tls
    self.eventLoop = eventLoop
    finished = eventLoop.makePromise()
    fields = [
      ":method": "POST", ":scheme": tls == nil ? "http" : "https",
      ":path": "/envoy.service.ext_proc.v3.ExternalProcessor/Process", ":authority": "callout-bench",
      "te": "trailers", "content-type": "application/grpc", "user-agent": "callout-bench",
    ]
  }

  /// Streams can be opened.
  private var isOpen: Bool { handler != nil && channel?.isActive == true && !isGoingAway }

  /// Succeeds when no exchange is under way and none will begin.
  var whenFinished: EventLoopFuture<Void> { finished.futureResult }

  // MARK: Connection

  /// Connects; a load that had begun goes on when that has succeeded.
  func connect() -> EventLoopFuture<Void> {
    let opened = eventLoop.makePromise(of: Void.self)
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let address: SocketAddress
    do {
      address = try target.resolve()
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
    ClientBootstrap(group: eventLoop).connectTimeout(Self.connectTimeout).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
    }.connect(to: address).whenComplete { result in
      switch result {
      case .failure(let error): opened.fail(error)
      case .success(let channel):
        let connection = bound.value
        connection.channel = channel
        connection.isGoingAway = false
        // The handshake of TLS comes first.
        connection.whenOpen = opened
        if connection.isOpen { connection.connectionIsOpen() }
        channel.closeFuture.whenComplete { _ in bound.value.channelClosed() }
      }
    }
    return opened.futureResult
  }

  private var whenOpen: EventLoopPromise<Void>?

  private func configure(_ channel: any Channel) throws {
    if target.host != nil { try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
    if let tls {
      try channel.pipeline.syncOperations.addHandler(
        TLSHandler(
          session: TLSSession(tls, role: .client(serverName: load.tls?.serverName ?? target.host ?? "localhost")),
          handshakeTimeout: Self.connectTimeout))
    }
    var http2 = HTTP2Configuration()
    http2.streamWindow = Self.streamWindow
    try channel.pipeline.syncOperations.addHandler(
      HTTP2ConnectionHandler(session: HTTP2Session(role: .client, configuration: http2), observer: self))
  }

  private func connectionIsOpen() {
    guard let opened = whenOpen else { return }
    whenOpen = nil
    opened.succeed(())
    if hasBegun { begin() }
  }

  private func channelClosed() {
    let reason = lastFailure ?? "the server closed it"
    lastFailure = nil
    if let opened = whenOpen {
      whenOpen = nil
      return opened.fail(LoadError("the connection failed: \(reason)"))
    }
    guard !isStopping else { return finishIfDone() }
    tally.count("a connection was lost: \(reason)")
    reconnect()
  }

  private func reconnect() {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(in: Self.reconnectDelay) {
      guard !bound.value.isStopping else { return bound.value.finishIfDone() }
      bound.value.connect().whenFailure { error in
        bound.value.tally.count("cannot connect: \(LoadError.reason(of: error))")
        bound.value.reconnect()
      }
    }
  }

  // MARK: Load

  /// Begins the load, on a connection that is open.
  func begin() {
    hasBegun = true
    nextDue = .now()
    overdue.removeAll(keepingCapacity: true)
    if load.rate == nil { fill() } else { beginDue() }
  }

  private func beginDue() {
    guard let rate = load.rate, !isStopping else { return }
    let now = NIODeadline.now()
    while nextDue <= now, !isOutOfBudget {
      if budget.take() { overdue.append(nextDue) } else { isOutOfBudget = true }
      nextDue = nextDue + .nanoseconds(Int64(1e9 / rate))
    }
    fill()
    alarm?.cancel()
    guard !isOutOfBudget else { return }
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    alarm = eventLoop.scheduleTask(deadline: nextDue) { bound.value.beginDue() }
  }

  private func fill() {
    while isOpen, active < load.streams, !isStopping, let due = nextExchange() { open(due) }
    finishIfDone()
  }

  /// When the next exchange was to begin, or nil where it has to wait.
  private func nextExchange() -> NIODeadline? {
    guard load.rate == nil else { return overdue.popFirst() }
    guard !isOutOfBudget, budget.take() else {
      isOutOfBudget = true
      return nil
    }
    return .now()
  }

  private func open(_ due: NIODeadline) {
    do throws(HTTP2Error) {
      guard let handler else { throw HTTP2Error(.cancel, by: .library, "the connection was lost") }
      let stream = try handler.session.openStream(fields)
      let exchange = LoadStream(stream, load.exchange, due: due, on: self)
      stream.handler = exchange
      active += 1
      exchange.beginStep()
    } catch {
      tally.count("\(error)")
      // Stream identifiers are used up: a new connection is needed.
      isGoingAway = true
      closeIfUnused()
    }
  }

  func streamEnded(_ error: String?) {
    active -= 1
    if !isStopping {
      if let error { tally.count(error) } else { tally.exchanges += 1 }
    }
    closeIfUnused()
    fill()
  }

  /// Makes way for a new connection when the last stream of one that goes away has ended.
  private func closeIfUnused() {
    guard isGoingAway, active == 0, let channel else { return }
    eventLoop.execute { channel.close(promise: nil) }
  }

  private func finishIfDone() {
    if active == 0, isStopping || (isOutOfBudget && overdue.isEmpty) { finished.succeed(()) }
  }

  /// Begins no more exchanges, and gives up those that are under way.
  func stop() {
    isStopping = true
    alarm?.cancel()
    finishIfDone()
    channel?.close(promise: nil)
  }

  // MARK: HTTP2ConnectionObserver

  func connectionOpened(_ connection: HTTP2ConnectionHandler) {
    handler = connection
    connectionIsOpen()
  }

  func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? { nil }

  func eventsDispatched() {}

  func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {
    lastFailure = "the server went away: \(code)"
    isGoingAway = true
    closeIfUnused()
  }

  func connectionTerminated(_ code: HTTP2ErrorCode) { lastFailure = "the server broke the rules: \(code)" }

  func connectionFailed(_ error: any Error) { lastFailure = "\(error)" }

  func connectionClosed(_ connection: HTTP2ConnectionHandler) { handler = nil }

  private static let connectTimeout = TimeAmount.seconds(10)
  private static let reconnectDelay = TimeAmount.milliseconds(100)
  /// Envoy's own default.
  private static let streamWindow = 16 * 1_024 * 1_024
}
