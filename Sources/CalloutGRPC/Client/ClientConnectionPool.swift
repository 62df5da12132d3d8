// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import Synchronization

/// Gives calls connections to open their streams on. Confined to an event loop.
package protocol ClientConnectionSource: AnyObject {
  /// Calls `taker` with a connection, or with why there is none; at once where that is known.
  func connection(_ taker: @escaping ClientConnectionPool.Taker)
}

/// The connections to one server from one event loop: made when calls need them, and again when they were lost.
package final class ClientConnectionPool: ClientConnectionSource {
  package typealias Taker = (Result<GRPCClientConnection, GRPCStatus>) -> Void

  private let connector: ClientConnector
  private let eventLoop: any EventLoop
  private var connections: [GRPCClientConnection] = []
  /// Connections that take no more calls, and may have some still.
  private var ending: [GRPCClientConnection] = []
  private var waiting: [Taker] = []
  private var isConnecting = false
  private var state = State.open
  private var backoff: ConnectionBackoff
  /// The last attempt failed: none before then.
  private var pause: (end: NIODeadline, reason: GRPCStatus)?

  private enum State { case open, retired, closed }

  /// Whether there are connections, or may be soon: what other threads may ask, for whom a pool on an event loop that has
  /// ended is nothing to care for.
  package let activity = Activity()

  package final class Activity: Sendable {
    private let connections = Atomic(0)

    package var isActive: Bool { connections.load(ordering: .relaxed) > 0 }

    fileprivate func began() { connections.add(1, ordering: .relaxed) }
    fileprivate func ended() { connections.subtract(1, ordering: .relaxed) }
  }

  package init(_ connector: ClientConnector, on eventLoop: any EventLoop) {
    self.connector = connector
    self.eventLoop = eventLoop
    backoff = ConnectionBackoff(connector.configuration)
  }

  /// There is no connection, and there may be none soon: one is being tried, or the last attempt has failed a moment ago.
  package var isUnready: Bool { connections.isEmpty && (isConnecting || pause.map { $0.end > .now() } ?? false) }

  package func connection(_ taker: @escaping Taker) {
    guard state == .open else { return taker(.failure(Self.closed)) }
    if let connection = connections.first(where: \.hasRoom) { return taker(.success(connection)) }
    if connections.count >= connector.configuration.maxConnections, let leastBusy {
      return taker(.success(leastBusy))
    }
    if let pause, pause.end > .now(), !isConnecting { return giveLeastBusy(taker, otherwise: pause.reason) }
    waiting.append(taker)
    connect()
  }

  /// Takes no more calls; connections close once their calls have ended. Calls that wait for one still get it.
  package func retire() {
    guard state == .open else { return }
    state = .retired
    if leastBusy != nil { serveWaiting(otherwise: Self.closed) }
    retireConnections()
  }

  /// Closes the connections; their calls end with UNAVAILABLE.
  package func close() -> EventLoopFuture<Void> {
    state = .closed
    let closed = (connections + ending).map { $0.close() }
    serveWaiting(otherwise: Self.closed)
    return EventLoopFuture.andAllComplete(closed, on: eventLoop)
  }

  private func connect() {
    guard !isConnecting else { return }
    isConnecting = true
    activity.began()
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    connector.connect(on: eventLoop).whenComplete { result in
      bound.value.connectionAttempted(result.map(\.value).mapError { $0 as? GRPCStatus ?? GRPCStatus($0) })
    }
  }

  private func connectionAttempted(_ result: Result<GRPCClientConnection, GRPCStatus>) {
    isConnecting = false
    switch result {
    case .success(let connection):
      guard state != .closed else {
        activity.ended()
        return connection.close().whenComplete { _ in }
      }
      backoff.succeeded()
      pause = nil
      keep(connection)
      if state == .open { askAgain() } else { serveWaiting(otherwise: Self.closed) }
    case .failure(let reason):
      activity.ended()
      pause = (.now() + TimeAmount(backoff.failed()), reason)
      serveWaiting(otherwise: reason)
    }
    if state == .retired { retireConnections() }
  }

  private func keep(_ connection: GRPCClientConnection) {
    connections.append(connection)
    connection.becameUnusable = { [weak self, unowned connection] in
      self?.connections.removeAll { $0 === connection }
      self?.ending.append(connection)
    }
    connection.becameClosed = { [weak self, activity, unowned connection] in
      activity.ended()
      self?.ending.removeAll { $0 === connection }
    }
  }

  private func retireConnections() {
    for connection in connections { connection.retire() }
  }

  // MARK: Calls that wait

  /// Has the calls that wait ask once more: they may need a further connection.
  private func askAgain() {
    for taker in takeWaiting() { connection(taker) }
  }

  /// Gives the calls that wait what there is.
  private func serveWaiting(otherwise reason: GRPCStatus) {
    for taker in takeWaiting() { giveLeastBusy(taker, otherwise: reason) }
  }

  private func takeWaiting() -> [Taker] {
    defer { waiting = [] }
    return waiting
  }

  private func giveLeastBusy(_ taker: Taker, otherwise reason: GRPCStatus) {
    taker(leastBusy.map { .success($0) } ?? .failure(reason))
  }

  /// Where a call waits until others have ended.
  private var leastBusy: GRPCClientConnection? { connections.min { $0.callCount < $1.callCount } }

  private static let closed = GRPCStatus(.unavailable, "the connection is closed")
}
