// SPDX-License-Identifier: Apache-2.0
package import NIOCore

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
  private var waiting: [Taker] = []
  private var isConnecting = false
  private var isClosed = false
  private var backoff: ConnectionBackoff
  /// The last attempt failed: none before then.
  private var pause: (end: NIODeadline, reason: GRPCStatus)?

  package init(_ connector: ClientConnector, on eventLoop: any EventLoop) {
    self.connector = connector
    self.eventLoop = eventLoop
    backoff = ConnectionBackoff(connector.configuration)
  }

  /// The last attempt to connect failed, and it is too early for another.
  package var isInBackoff: Bool { connections.isEmpty && pause.map { $0.end > .now() } ?? false }

  package func connection(_ taker: @escaping Taker) {
    guard !isClosed else { return taker(.failure(GRPCStatus(.unavailable, "the connection is closed"))) }
    if let connection = connections.first(where: \.hasRoom) { return taker(.success(connection)) }
    if connections.count >= connector.configuration.maxConnections {
      // The stream waits there until others have ended.
      return taker(.success(connections.min { $0.callCount < $1.callCount }!))
    }
    if let pause, pause.end > .now(), !isConnecting {
      if let connection = connections.first { return taker(.success(connection)) }
      return taker(.failure(pause.reason))
    }
    waiting.append(taker)
    connect()
  }

  /// Takes no more calls; connections close once their calls have ended.
  package func retire() {
    isClosed = true
    for connection in connections { connection.retire() }
    serveWaiting(.failure(GRPCStatus(.unavailable, "the connection is closed")))
  }

  /// Closes the connections; their calls end with UNAVAILABLE.
  package func close() -> EventLoopFuture<Void> {
    isClosed = true
    serveWaiting(.failure(GRPCStatus(.unavailable, "the connection is closed")))
    return EventLoopFuture.andAllComplete(connections.map { $0.close() }, on: eventLoop)
  }

  private func connect() {
    guard !isConnecting else { return }
    isConnecting = true
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    connector.connect(on: eventLoop).whenComplete { result in
      bound.value.connectionAttempted(result.map(\.value).mapError { $0 as? GRPCStatus ?? GRPCStatus($0) })
    }
  }

  private func connectionAttempted(_ result: Result<GRPCClientConnection, GRPCStatus>) {
    isConnecting = false
    switch result {
    case .success(let connection):
      guard !isClosed else { return connection.retire() }
      backoff.succeeded()
      pause = nil
      connections.append(connection)
      connection.becameUnusable = { [weak self, unowned connection] in
        self?.connections.removeAll { $0 === connection }
      }
    case .failure(let reason):
      pause = (.now() + TimeAmount(backoff.failed()), reason)
    }
    serveWaiting(result)
  }

  /// Gives each call that waits what there is now.
  private func serveWaiting(_ result: Result<GRPCClientConnection, GRPCStatus>) {
    let takers = waiting
    waiting = []
    for taker in takers {
      switch result {
      case .success: connection(taker)
      case .failure: taker(result)
      }
    }
  }
}
