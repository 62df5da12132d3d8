// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import NIOConcurrencyHelpers
internal import NIOCore
import Synchronization

/// One address of a backend: its connections, its calls, and what is known of its health. Safe to use from any thread.
final class BackendMember: Sendable {
  let backend: Backend
  let connector: ClientConnector
  /// What calls of our own are sent with as `:authority`.
  var authority: String { backend.authority ?? backend.target.authority }

  /// Calls that were sent to it and have not ended.
  let activeCalls = Atomic(0)
  private let isFailingChecks = Atomic(false)
  private let outliers: NIOLockedValueBox<OutlierState>
  private let pools = NIOLockedValueBox<[ObjectIdentifier: NIOLoopBound<ClientConnectionPool>]>([:])

  /// - Parameter target: the backend's, or one of the addresses of its name.
  init(_ backend: Backend, at target: GRPCTarget, in set: BackendSet) throws(GRPCStatus) {
    self.backend = backend
    connector = try ClientConnector(target, host: backend.target.host, tls: backend.tls, set.connection)
    outliers = NIOLockedValueBox(OutlierState(set.outlierDetection))
  }

  /// The connections from an event loop; called on it.
  func connections(on eventLoop: any EventLoop) -> ClientConnectionPool {
    let pool = pools.withLockedValue { pools in
      if let pool = pools[ObjectIdentifier(eventLoop)] { return pool }
      let pool = NIOLoopBound(ClientConnectionPool(connector, on: eventLoop), eventLoop: eventLoop)
      pools[ObjectIdentifier(eventLoop)] = pool
      return pool
    }
    return pool.value
  }

  /// Takes no more calls, and closes its connections once they have none.
  func retire() {
    let pools = pools.withLockedValue { pools in
      defer { pools = [:] }
      return Array(pools.values)
    }
    for pool in pools { pool.eventLoop.execute { pool.value.retire() } }
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
