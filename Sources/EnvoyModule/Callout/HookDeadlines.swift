// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging

/// What ends while a hook is at work. Used on the stream's worker alone.
final class HookDeadlines {
  fileprivate var late: Task<Void, Never>?
  fileprivate var timeout: Task<Void, Never>?
  /// Of what is asked next, while the hook does not end although it was given up.
  fileprivate var next: Task<Void, Never>?
  /// The hook has been given more time.
  fileprivate var isExtended = false

  func stop() {
    late?.cancel()
    timeout?.cancel()
    next?.cancel()
  }
}

extension CalloutExchange {
  /// Starts the clock of a hook that waits for something.
  func startClock(_ hookCall: HookCall) {
    let deadlines = HookDeadlines()
    hookCall.deadlines = deadlines
    if let limit = filter.configuration.softDeadline {
      deadlines.late = after(limit) { $0.hookIsLate(hookCall) }
    }
    deadlines.timeout = after(filter.configuration.messageTimeout) { $0.hookTimedOut(hookCall) }
  }

  /// Starts the clock of what waits for a hook that was given up and has not ended, for nothing is asked beside it.
  func startClockOfNext() {
    guard let hookCall, hookCall.isSettled, let deadlines = hookCall.deadlines, deadlines.next == nil else { return }
    deadlines.next = after(filter.configuration.messageTimeout) { exchange in
      guard hookCall === exchange.hookCall, !exchange.isAnswered else { return }
      exchange.timedOut(hookCall.phase)
    }
  }

  /// Gives the hook at work so much time from now on, once for each answer.
  func extendTimeout(_ time: Duration) {
    guard isOpen, let hookCall else { return }
    if hookCall.deadlines == nil { startClock(hookCall) }
    guard let deadlines = hookCall.deadlines, !deadlines.isExtended, !hookCall.isSettled else { return }
    deadlines.isExtended = true
    deadlines.timeout?.cancel()
    deadlines.timeout = after(time) { $0.hookTimedOut(hookCall) }
  }

  private func after(
    _ time: Duration, _ work: @escaping @Sendable (CalloutExchange) -> Void
  ) -> Task<Void, Never> {
    Task {
      guard (try? await Task.sleep(for: time)) != nil else { return }
      self.inLaterTurn { if self.isOpen { work(self) } }
    }
  }

  private func hookIsLate(_ hookCall: HookCall) {
    guard hookCall === self.hookCall, !hookCall.isSettled else { return }
    switch filter.configuration.latePolicy[hookCall.phase] {
    case .wait: break
    case .extend(let time): extendTimeout(time)
    case .giveUp(let policy):
      let limit = filter.configuration.softDeadline ?? .zero
      giveUp(hookCall) { fail(hookCall, CalloutError(.lateHook, "the hook took longer than \(limit)"), policy) }
    }
  }

  /// Does what Envoy's ext_proc does of its `message_timeout`.
  private func hookTimedOut(_ hookCall: HookCall) {
    guard hookCall === self.hookCall, !hookCall.isSettled else { return }
    giveUp(hookCall) { timedOut(hookCall.phase) }
  }

  private func timedOut(_ phase: Phase) {
    context.logger.error("callout timed out", metadata: ["phase": "\(phase)"])
    answer(ImmediateResponse(status: 504, body: "", details: "callout_timed_out"))
  }

  private func giveUp(_ hookCall: HookCall, _ settle: () -> Void) {
    hookCall.isSettled = true
    hookCall.deadlines?.stop()
    hookCall.cancel()
    settle()
    hookEnded()
  }
}
