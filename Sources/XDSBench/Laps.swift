// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOConcurrencyHelpers
import NIOCore

/// When clients had acknowledged all of each update; the first lap is that of the beginning.
final class Laps: Sendable {
  /// The clients that count.
  let runners: Int
  private let state = NIOLockedValueBox(State())

  private struct State {
    var times: [Int: [NIODeadline]] = [:]
    var failure: GRPCStatus?
    var waiter: (lap: Int, continuation: CheckedContinuation<[NIODeadline], any Error>)?
  }

  init(runners: Int) { self.runners = runners }

  func finished(_ lap: Int, at time: NIODeadline) { change { $0.times[lap, default: []].append(time) } }

  func failed(_ status: GRPCStatus) { change { $0.failure = $0.failure ?? status } }

  /// Waits until all have finished a lap, and returns when each had.
  func wait(for lap: Int, timeout: Duration) async throws -> [NIODeadline] {
    let alarm = Task {
      try await Task.sleep(for: timeout)
      let count = state.withLockedValue { $0.times[lap]?.count ?? 0 }
      failed(GRPCStatus(.deadlineExceeded, "\(count) of \(runners) clients have acknowledged update \(lap) in time"))
    }
    defer { alarm.cancel() }
    return try await withCheckedThrowingContinuation { continuation in change { $0.waiter = (lap, continuation) } }
  }

  private func change(_ change: (inout State) -> Void) {
    let resume: (() -> Void)? = state.withLockedValue { state in
      change(&state)
      guard let (lap, continuation) = state.waiter else { return nil }
      let times = state.times[lap] ?? []
      if times.count == runners {
        state.waiter = nil
        state.times[lap] = nil
        return { continuation.resume(returning: times) }
      }
      guard let failure = state.failure else { return nil }
      state.waiter = nil
      return { continuation.resume(throwing: failure) }
    }
    resume?()
  }
}
