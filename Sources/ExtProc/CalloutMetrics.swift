internal import Callouts
// SPDX-License-Identifier: Apache-2.0
internal import CoreMetrics
internal import Metrics

/// What a callout counts, in whatever metrics system the program has bootstrapped.
///
/// | metric | kind | dimension | counts |
/// | --- | --- | --- | --- |
/// | `ext_proc_streams_total` | counter | | streams that began |
/// | `ext_proc_messages_total` | counter | `phase` | messages that ask about something |
/// | `ext_proc_hook_seconds` | timer | `phase` | time from a message's turn to its hook's end |
/// | `ext_proc_hook_failures_total` | counter | `phase` | hooks that threw, or answered what Envoy would refuse |
/// | `ext_proc_late_hooks_total` | counter | `phase` | hooks that took longer than the soft deadline |
/// | `ext_proc_denials_total` | counter | `phase` | `Denial`s |
/// | `ext_proc_bodies_over_limit_total` | counter | `phase` | bodies longer than the callout takes |
final class CalloutMetrics: Sendable {
  private let streams = Counter(label: "ext_proc_streams_total")
  private let messages = PhaseCounters("ext_proc_messages_total")
  private let failures = PhaseCounters("ext_proc_hook_failures_total")
  private let lateHooks = PhaseCounters("ext_proc_late_hooks_total")
  private let denials = PhaseCounters("ext_proc_denials_total")
  private let bodiesOverLimit = PhaseCounters("ext_proc_bodies_over_limit_total")
  private let hooks: [Phase: Timer]

  /// Nil where no metrics system was bootstrapped: what nobody reads costs nothing.
  init?() {
    guard !(MetricsSystem.factory is NOOPMetricsHandler) else { return nil }
    hooks = Dictionary(
      uniqueKeysWithValues: Phase.allCases.map {
        ($0, Timer(label: "ext_proc_hook_seconds", dimensions: [("phase", "\($0)")], preferredDisplayUnit: .seconds))
      })
  }

  func streamBegan() { streams.increment() }
  func received(_ phase: Phase) { messages.increment(phase) }
  func failed(_ phase: Phase) { failures.increment(phase) }
  func late(_ phase: Phase) { lateHooks.increment(phase) }
  func denied(_ phase: Phase) { denials.increment(phase) }
  func overLimit(_ phase: Phase) { bodiesOverLimit.increment(phase) }
  func hookTook(_ duration: Duration, _ phase: Phase) { hooks[phase]?.record(duration: duration) }
}

/// A counter for each phase.
private struct PhaseCounters: Sendable {
  private let counters: [Phase: Counter]

  init(_ label: String) {
    counters = Dictionary(
      uniqueKeysWithValues: Phase.allCases.map { ($0, Counter(label: label, dimensions: [("phase", "\($0)")])) })
  }

  func increment(_ phase: Phase) { counters[phase]?.increment() }
}
