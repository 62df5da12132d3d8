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
  func startClock(_ asked: Asked) {
    let deadlines = HookDeadlines()
    asked.deadlines = deadlines
    if let limit = filter.configuration.softDeadline {
      deadlines.late = after(limit) { $0.hookIsLate(asked) }
    }
    deadlines.timeout = after(filter.configuration.messageTimeout) { $0.hookTimedOut(asked) }
  }

  /// Starts the clock of what waits for a hook that was given up and has not ended, for nothing is asked beside it.
  func startClockOfNext() {
    guard let asked, asked.isSettled, let deadlines = asked.deadlines, deadlines.next == nil else { return }
    deadlines.next = after(filter.configuration.messageTimeout) { exchange in
      guard asked === exchange.asked, !exchange.isAnswered else { return }
      exchange.timedOut(asked.phase)
    }
  }

  /// Gives the hook at work so much time from now on, once for each answer.
  func extendTimeout(_ time: Duration) {
    guard isOpen, let asked else { return }
    if asked.deadlines == nil { startClock(asked) }
    guard let deadlines = asked.deadlines, !deadlines.isExtended, !asked.isSettled else { return }
    deadlines.isExtended = true
    deadlines.timeout?.cancel()
    deadlines.timeout = after(time) { $0.hookTimedOut(asked) }
  }

  private func after(
    _ time: Duration, _ work: @escaping @Sendable (CalloutExchange) -> Void
  ) -> Task<Void, Never> {
    Task {
      guard (try? await Task.sleep(for: time)) != nil else { return }
      self.inLaterTurn { if self.isOpen { work(self) } }
    }
  }

  private func hookIsLate(_ asked: Asked) {
    guard asked === self.asked, !asked.isSettled else { return }
    switch filter.configuration.latePolicy[asked.phase] {
    case .wait: break
    case .extend(let time): extendTimeout(time)
    case .giveUp(let policy):
      let limit = filter.configuration.softDeadline ?? .zero
      giveUp(asked) { fail(asked, CalloutError(.lateHook, "the hook took longer than \(limit)"), policy) }
    }
  }

  /// Does what Envoy's ext_proc does of its `message_timeout`.
  private func hookTimedOut(_ asked: Asked) {
    guard asked === self.asked, !asked.isSettled else { return }
    giveUp(asked) { timedOut(asked.phase) }
  }

  private func timedOut(_ phase: Phase) {
    context.logger.error("callout timed out", metadata: ["phase": "\(phase)"])
    answer(ImmediateResponse(status: 504, body: "", details: "callout_timed_out"))
  }

  private func giveUp(_ asked: Asked, _ settle: () -> Void) {
    asked.isSettled = true
    asked.deadlines?.stop()
    asked.cancel()
    settle()
    hookEnded()
  }
}
