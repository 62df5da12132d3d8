// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Whether a backend is left out because its calls failed one after the other.
struct OutlierState {
  private let configuration: BackendSet.OutlierDetection?
  private var failures = 0
  /// Times in a row that it was left out, with no good call in between.
  private var ejections = 0
  private var isOutUntil: NIODeadline?

  init(_ configuration: BackendSet.OutlierDetection?) { self.configuration = configuration }

  func isInlier(at now: NIODeadline) -> Bool { isOutUntil.map { $0 <= now } ?? true }

  /// Returns for how long the backend is left out from now on, where this call is the reason.
  mutating func callEnded(failed: Bool, at now: NIODeadline) -> Duration? {
    // Calls that were under way when it was left out say nothing new.
    guard let configuration, isInlier(at: now) else { return nil }
    guard failed else {
      failures = 0
      ejections = 0
      return nil
    }
    failures += 1
    guard failures >= configuration.consecutiveFailures else { return nil }
    failures = 0
    let time = min(configuration.ejectionTime * (1 << min(ejections, 20)), configuration.maxEjectionTime)
    ejections += 1
    isOutUntil = now + TimeAmount(time)
    return time
  }
}
