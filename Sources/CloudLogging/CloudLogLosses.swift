// SPDX-License-Identifier: Apache-2.0
internal import Logging
internal import NIOConcurrencyHelpers

/// Says what is lost, and what is tried again: a reason once, until entries arrive again.
final class CloudLogLosses: Sendable {
  private let logger: Logger
  private let state = NIOLockedValueBox(State())

  private struct State {
    /// Why entries are lost at present.
    var reason = ""
    /// How many were since that was said.
    var untold = 0
    var isRetryTold = false
  }

  init(_ logger: Logger) { self.logger = logger }

  func add(_ count: Int, because reason: String) {
    let isNew = state.withLockedValue { $0.reason != reason }
    if isNew { tellRest() }
    state.withLockedValue { state in
      state.reason = reason
      state.untold += count
    }
    if isNew { tellRest() }
  }

  func tellRetry(because reason: String) {
    let isTold = state.withLockedValue { state in
      defer { state.isRetryTold = true }
      return state.isRetryTold
    }
    if !isTold { logger.warning("log entries do not arrive, trying again", metadata: ["reason": "\(reason)"]) }
  }

  /// Entries arrive again.
  func end() {
    tellRest()
    state.withLockedValue { $0 = State() }
  }

  /// Says how many were lost since that was last said.
  func tellRest() {
    let (count, reason) = state.withLockedValue { state in
      defer { state.untold = 0 }
      return (state.untold, state.reason)
    }
    guard count > 0 else { return }
    logger.error("log entries are lost", metadata: ["count": "\(count)", "reason": "\(reason)"])
  }
}
