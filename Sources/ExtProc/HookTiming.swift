// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import NIOCore

/// The clock of the hook that is at work.
///
/// Confined to the event loop of its stream.
final class HookTiming {
  var start = NIODeadline.distantPast
  var deadline: Scheduled<Void>?
  /// What the hook was asked.
  var request: ProcessingRequest?
  /// Envoy was asked for more time.
  var hasExtended = false
  /// The hook was late, and its message has been answered without it.
  var isAnswered = false
}

extension ProcessCall {
  func startTiming(_ request: ProcessingRequest, _ timing: HookTiming) {
    timing.request = request
    timing.hasExtended = false
    timing.isAnswered = false
    timing.start = .now()
    guard let limit = service.configuration.softDeadline else { return }
    let bound = NIOLoopBound(self, eventLoop: call.eventLoop)
    timing.deadline = call.eventLoop.scheduleTask(in: TimeAmount(limit)) { bound.value.hookIsLate() }
  }

  /// Stops the clock, and tells whether the message has been answered already because the hook was late.
  func stopClock() -> Bool {
    guard let timing, let phase = timing.request?.phase else { return false }
    timing.deadline?.cancel()
    timing.deadline = nil
    timing.request = nil
    service.metrics?.hookTook(.nanoseconds((NIODeadline.now() - timing.start).nanoseconds), phase)
    return timing.isAnswered
  }

  private func hookIsLate() {
    guard let request = timing?.request, let phase = request.phase, ending == nil else { return }
    service.metrics?.late(phase)
    switch service.configuration.latePolicy[phase] {
    case .wait: break
    case .extend(let time): extendTimeout(time)
    case .giveUp(let policy):
      timing?.isAnswered = true
      cancelHook()
      let limit = service.configuration.softDeadline ?? .zero
      fail(request, CalloutError(.lateHook, "the hook took longer than \(limit)"), policy)
    }
  }

  /// Asks Envoy for more time, as often as it would listen: once for each answer.
  func extendTimeout(_ time: Duration) {
    guard let phase = phaseInHand, ending == nil, state.hasMessageTimeout(phase.direction) else { return }
    let timing = timing ?? HookTiming()
    self.timing = timing
    guard !timing.hasExtended, !timing.isAnswered else { return }
    timing.hasExtended = true
    guard time >= .milliseconds(1) else {
      return service.warn(["override_message_timeout was not sent: Envoy takes 1 ms or more, not \(time)"])
    }
    state.overrideMessageTimeout(time) { call.send($0) }
  }
}
