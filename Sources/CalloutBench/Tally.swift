// SPDX-License-Identifier: Apache-2.0

/// What was counted.
struct Tally: Sendable {
  var exchanges = 0
  var messages = 0
  var bodyBytes = 0
  var immediateResponses = 0
  var latency = LatencyHistogram()
  /// By kind.
  var errors: [String: Int] = [:]

  mutating func count(_ error: String) { errors[error, default: 0] += 1 }

  mutating func add(_ other: Tally) {
    exchanges += other.exchanges
    messages += other.messages
    bodyBytes += other.bodyBytes
    immediateResponses += other.immediateResponses
    latency.add(other.latency)
    errors.merge(other.errors, uniquingKeysWith: +)
  }
}

/// Counts durations in buckets that are at most 1.6 % wide, from a nanosecond to minutes.
struct LatencyHistogram: Sendable {
  private var counts = [UInt32](repeating: 0, count: buckets)
  private(set) var count = 0
  private(set) var maximum: Int64 = 0
  private var sum: Double = 0

  /// Bits of a duration that tell buckets apart, below its highest one.
  private static let precision = 6
  private static let buckets = (64 - precision) << precision

  mutating func record(nanoseconds: Int64) {
    let nanoseconds = max(0, nanoseconds)
    counts[Self.bucket(nanoseconds)] += 1
    count += 1
    sum += Double(nanoseconds)
    maximum = max(maximum, nanoseconds)
  }

  mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    count += other.count
    sum += other.sum
    maximum = max(maximum, other.maximum)
  }

  /// Nanoseconds.
  var mean: Double { count == 0 ? 0 : sum / Double(count) }

  /// The nanoseconds that this share of all stays within, such as 0.99; 0 where there are none.
  func percentile(_ share: Double) -> Int64 {
    let rank = max(1, Int((share * Double(count)).rounded(.up)))
    var seen = 0
    for (index, count) in counts.enumerated() where count > 0 {
      seen += Int(count)
      if seen >= rank { return min(Self.upperBound(index), maximum) }
    }
    return 0
  }

  private static func bucket(_ value: Int64) -> Int {
    let highest = 63 - (value | 1).leadingZeroBitCount
    guard highest >= precision else { return Int(value) }
    let shift = highest - precision
    return (shift + 1) << precision + Int(value >> Int64(shift)) & (1 << precision - 1)
  }

  private static func upperBound(_ bucket: Int) -> Int64 {
    guard bucket >= 1 << precision else { return Int64(bucket) }
    let shift = bucket >> precision - 1
    let value = Int64(1 << precision | bucket & (1 << precision - 1))
    return (value + 1) << Int64(shift) - 1
  }
}
