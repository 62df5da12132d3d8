// SPDX-License-Identifier: Apache-2.0

/// A token bucket that tells a flood of abusive stream resets from the resets of normal life.
///
/// Envoy resets every ext_proc stream once it has its answers, so those must never count. What counts is a reset
/// of a stream that was not answered (rapid reset, CVE-2023-44487) and a reset that the peer provoked from us
/// (MadeYouReset, CVE-2025-8671).
package struct ResetBudget: Sendable {
  package struct Limit: Sendable, Hashable {
    /// Resets allowed at once: enough for every stream of a connection to be cancelled together.
    package var burst: Int
    /// Resets allowed per second after that.
    package var perSecond: Int

    package init(burst: Int, perSecond: Int) {
      self.burst = burst
      self.perSecond = perSecond
    }
  }

  private let limit: Limit
  private var tokens: Double
  private var refilledAt: ContinuousClock.Instant?

  package init(_ limit: Limit) {
    self.limit = limit
    tokens = Double(limit.burst)
  }

  /// A stream was answered, which makes up for a reset: who makes many calls gives up many, and a flood answers none.
  package mutating func earn() { tokens = min(Double(limit.burst), tokens + 1) }

  /// Counts one reset; false when the budget is spent.
  package mutating func spend(at now: ContinuousClock.Instant) -> Bool {
    if let refilledAt {
      let elapsed = (now - refilledAt) / .seconds(1)
      tokens = min(Double(limit.burst), tokens + elapsed * Double(limit.perSecond))
    }
    refilledAt = now
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
