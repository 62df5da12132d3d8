// SPDX-License-Identifier: Apache-2.0
internal import CoreMetrics
internal import Metrics

/// What an authorization server counts, in whatever metrics system the program has bootstrapped.
///
/// | metric | kind | counts |
/// | --- | --- | --- |
/// | `ext_authz_checks_total` | counter | requests that were asked about |
/// | `ext_authz_hook_seconds` | timer | time from a hook's begin to its end |
/// | `ext_authz_hook_failures_total` | counter | hooks that threw, or answered what Envoy would refuse |
/// | `ext_authz_denials_total` | counter | requests that were denied, not by the failure policy |
/// | `ext_authz_errors_total` | counter | replies that nothing could be decided |
final class CheckMetrics: Sendable {
  private let checks = Counter(label: "ext_authz_checks_total")
  private let failures = Counter(label: "ext_authz_hook_failures_total")
  private let denials = Counter(label: "ext_authz_denials_total")
  private let errors = Counter(label: "ext_authz_errors_total")
  private let hooks = Timer(label: "ext_authz_hook_seconds", preferredDisplayUnit: .seconds)

  /// Nil where no metrics system was bootstrapped: what nobody reads costs nothing.
  init?() {
    guard !(MetricsSystem.factory is NOOPMetricsHandler) else { return nil }
  }

  func asked() { checks.increment() }
  func failed() { failures.increment() }
  func denied() { denials.increment() }
  func answeredWithError() { errors.increment() }
  func hookTook(_ duration: Duration) { hooks.record(duration: duration) }
}
