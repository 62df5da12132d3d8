// SPDX-License-Identifier: Apache-2.0
internal import CoreMetrics
internal import Metrics

/// What a control plane counts, in whatever metrics system the program has bootstrapped.
///
/// | metric | kind | dimension | counts |
/// | --- | --- | --- | --- |
/// | `xds_streams` | gauge | | streams that are open |
/// | `xds_requests_total` | counter | `type` | requests |
/// | `xds_responses_total` | counter | `type` | responses |
/// | `xds_response_bytes_total` | counter | `type` | their bytes |
/// | `xds_acks_total` | counter | `type` | responses that clients accepted |
/// | `xds_nacks_total` | counter | `type` | responses that clients refused |
/// | `xds_push_seconds` | timer | | time from publishing to a client's last answer |
///
/// Types that are not in `ResourceType.additionOrder` are counted as `other`: clients must not make up dimensions.
final class XDSMetrics: Sendable {
  private let streams = Meter(label: "xds_streams")
  private let requests = TypeCounters("xds_requests_total")
  private let responses = TypeCounters("xds_responses_total")
  private let bytes = TypeCounters("xds_response_bytes_total")
  private let acks = TypeCounters("xds_acks_total")
  private let nacks = TypeCounters("xds_nacks_total")
  private let pushes = Timer(label: "xds_push_seconds", preferredDisplayUnit: .seconds)

  /// Nil where no metrics system was bootstrapped: what nobody reads costs nothing.
  init?() {
    guard !(MetricsSystem.factory is NOOPMetricsHandler) else { return nil }
  }

  func streamOpened() { streams.increment() }
  func streamClosed() { streams.decrement() }
  func received(_ request: DiscoveryRequest) { requests.increment(request.type) }
  func sent(_ response: DiscoveryResponse, bytes count: Int) {
    responses.increment(response.type)
    bytes.increment(response.type, by: count)
  }
  func answered(_ event: DiscoveryEvent) {
    switch event {
    case .acknowledged(let type, _): acks.increment(type)
    case .refused(let type, _, _, _): nacks.increment(type)
    case .stale: break
    }
  }
  func pushTook(_ duration: Duration) { pushes.record(duration: duration) }
}

/// A counter for each type.
private struct TypeCounters: Sendable {
  private let counters: [ResourceType: Counter]
  private let other: Counter

  init(_ label: String) {
    counters = Dictionary(
      uniqueKeysWithValues: ResourceType.additionOrder.map {
        ($0, Counter(label: label, dimensions: [("type", "\($0)")]))
      })
    other = Counter(label: label, dimensions: [("type", "other")])
  }

  func increment(_ type: ResourceType, by count: Int = 1) { (counters[type] ?? other).increment(by: count) }
}
