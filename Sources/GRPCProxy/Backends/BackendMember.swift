// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import NIOConcurrencyHelpers
internal import NIOCore
import Synchronization

/// One address of a backend: its connections, its calls, and what is known of its health. Safe to use from any thread.
final class BackendMember: Sendable {
  let backend: Backend
  /// The backend's place in its set, where the same may be more than once.
  let place: Int
  let connector: ClientConnector
  private let resolver: NameResolver
  /// What calls of our own are sent with as `:authority`.
  var authority: String { backend.authority ?? backend.target.authority }

  /// Calls that were sent to it and have not ended.
  let activeCalls = Atomic(0)
  private let isFailingChecks = Atomic(false)
  private let outliers: NIOLockedValueBox<OutlierState>
  private let pools = NIOLockedValueBox<[ObjectIdentifier: Pool]>([:])

  private typealias Pool = (bound: NIOLoopBound<ClientConnectionPool>, activity: ClientConnectionPool.Activity)

  /// - Parameters:
  ///   - place: the backend's in the set.
  ///   - target: the backend's, or one of the addresses of its name.
  init(
    _ place: Int, at target: GRPCTarget, in set: BackendSet, resolver: NameResolver
  ) throws(GRPCStatus) {
    backend = set.backends[place]
    self.place = place
    self.resolver = resolver
    connector = try ClientConnector(
      target, host: backend.target.host, tls: backend.tls, set.connection, resolver: resolver)
    outliers = NIOLockedValueBox(OutlierState(set.outlierDetection))
  }

  /// A call that had chosen it may have connected after it was retired.
  deinit { retire() }

  /// The connections from an event loop; called on it.
  func connections(on eventLoop: any EventLoop) -> ClientConnectionPool {
    pools.withLockedValue { pools in
      if let pool = pools[ObjectIdentifier(eventLoop)] { return pool.bound }
      let pool = ClientConnectionPool(connector, on: eventLoop)
      let bound = NIOLoopBound(pool, eventLoop: eventLoop)
      pools[ObjectIdentifier(eventLoop)] = (bound, pool.activity)
      return bound
    }.value
  }

  /// For health checks, which go on however long the server has been away.
  func connectorForChecks(every interval: Duration) throws(GRPCStatus) -> ClientConnector {
    var connection = connector.configuration
    connection.initialBackoff = interval / 2
    connection.maxBackoff = interval / 2
    return try ClientConnector(
      connector.target, host: backend.target.host, tls: backend.tls, connection, resolver: resolver)
  }

  /// Takes no more calls, and closes its connections once they have none.
  func retire() {
    let pools = pools.withLockedValue { pools in
      defer { pools = [:] }
      return Array(pools.values)
    }
    // An event loop that has ended has closed its connections, and runs nothing any more.
    for pool in pools where pool.activity.isActive {
      let bound = pool.bound
      bound.eventLoop.execute { bound.value.retire() }
    }
  }

  // MARK: Health

  /// Its health checks do not fail.
  var isHealthy: Bool { !isFailingChecks.load(ordering: .relaxed) }

  /// Its calls did not fail of late.
  var isInlier: Bool { outliers.withLockedValue { $0.isInlier(at: .now()) } }

  /// Returns whether that is news.
  func setHealthy(_ isHealthy: Bool) -> Bool {
    isFailingChecks.exchange(!isHealthy, ordering: .relaxed) == isHealthy
  }

  /// Takes note of how a call of it ended; returns for how long it is left out because of that, if it is.
  func callEnded(failed: Bool) -> Duration? {
    outliers.withLockedValue { $0.callEnded(failed: failed, at: .now()) }
  }
}
