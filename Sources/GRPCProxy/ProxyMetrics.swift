// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CoreMetrics
internal import Metrics
internal import NIOConcurrencyHelpers
internal import NIOCore

/// What a proxy counts, in whatever metrics system the program has bootstrapped.
///
/// | metric | kind | dimensions | counts |
/// | --- | --- | --- | --- |
/// | `grpc_proxy_calls_started_total` | counter | | calls that began |
/// | `grpc_proxy_calls_in_flight` | gauge | | calls that have begun and not ended |
/// | `grpc_proxy_calls_completed_total` | counter | `backend`, `code` | calls that have ended |
/// | `grpc_proxy_call_seconds` | timer | `backend` | time from a client's headers to the end |
///
/// `backend` is the name of a set of a `GRPCRouter`'s configuration, or `none`: for calls that went nowhere, and for pools
/// that a director has made. A code that gRPC does not know counts as UNKNOWN: backends must not make up dimensions.
final class ProxyMetrics: Sendable {
  private let started: Counter
  private let inFlight: Meter
  private let others: Outcomes
  private let outcomes = NIOLockedValueBox<[String: Outcomes]>([:])
  private let factory: any MetricsFactory

  /// Nil where no metrics system was bootstrapped: what nobody reads costs nothing.
  init?(_ factory: any MetricsFactory = MetricsSystem.factory) {
    guard !(factory is NOOPMetricsHandler) else { return nil }
    self.factory = factory
    started = Counter(label: "grpc_proxy_calls_started_total", factory: factory)
    inFlight = Meter(label: "grpc_proxy_calls_in_flight", factory: factory)
    others = Outcomes(of: "none", factory)
  }

  func callBegan() {
    started.increment()
    inFlight.increment()
  }

  /// - Parameter backend: the name of a configuration's set, or nil.
  func callEnded(_ status: GRPCStatus.Code, after time: TimeAmount, by backend: String?) {
    inFlight.decrement()
    outcomes(by: backend).note(status, time)
  }

  private func outcomes(by backend: String?) -> Outcomes {
    guard let backend else { return others }
    return outcomes.withLockedValue { outcomes in
      if let known = outcomes[backend] { return known }
      let new = Outcomes(of: backend, factory)
      outcomes[backend] = new
      return new
    }
  }
}

/// How calls to one set of backends ended.
private struct Outcomes: Sendable {
  /// By their codes, from OK to UNAUTHENTICATED.
  private let calls: [Counter]
  private let time: Timer

  init(of backend: String, _ factory: any MetricsFactory) {
    calls = (GRPCStatus.Code.ok.rawValue...GRPCStatus.Code.unauthenticated.rawValue).map { number in
      Counter(
        label: "grpc_proxy_calls_completed_total",
        dimensions: [("backend", backend), ("code", "\(GRPCStatus.Code(rawValue: number))")], factory: factory)
    }
    time = Timer(
      label: "grpc_proxy_call_seconds", dimensions: [("backend", backend)], preferredDisplayUnit: .seconds,
      factory: factory)
  }

  func note(_ status: GRPCStatus.Code, _ duration: TimeAmount) {
    let isKnown = calls.indices.contains(status.rawValue)
    calls[isKnown ? status.rawValue : GRPCStatus.Code.unknown.rawValue].increment()
    time.recordNanoseconds(duration.nanoseconds)
  }
}
