// SPDX-License-Identifier: Apache-2.0
#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What came of a run.
struct Report: Sendable {
  var seconds: Double
  var connections: Int
  var streams: Int
  var tally: Tally

  var errors: [String: Int] { tally.errors }

  private func perSecond(_ count: Int) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
}

extension Report: CustomStringConvertible {
  var description: String {
    var lines = [
      "\(connections) connections, \(streams) streams each, \(Self.decimal(seconds, 2)) s",
      "exchanges   \(tally.exchanges), \(Self.decimal(perSecond(tally.exchanges), 0)) per second",
      "messages    \(tally.messages), \(Self.decimal(perSecond(tally.messages), 0)) per second",
    ]
    if tally.bodyBytes > 0 {
      lines.append("bodies      \(Self.decimal(perSecond(tally.bodyBytes) / 1e6, 1)) MB per second")
    }
    if tally.immediateResponses > 0 { lines.append("immediate   \(tally.immediateResponses) responses") }
    let latency = tally.latency
    lines.append(
      "latency     p50 \(Self.microseconds(latency.percentile(0.5)))  p90 \(Self.microseconds(latency.percentile(0.9)))"
        + "  p99 \(Self.microseconds(latency.percentile(0.99)))"
        + "  p99.9 \(Self.microseconds(latency.percentile(0.999)))  max \(Self.microseconds(latency.maximum))")
    lines.append("errors      \(errors.values.reduce(0, +))")
    for (kind, count) in errors.sorted(by: { $0.value > $1.value }) { lines.append("  \(count) \(kind)") }
    return lines.joined(separator: "\n")
  }

  static func microseconds(_ nanoseconds: Int64) -> String { "\(decimal(Double(nanoseconds) / 1e3, 0)) us" }

  static func decimal(_ value: Double, _ digits: Int) -> String {
    let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
    let scaled = Int((value * Double(scale)).rounded())
    guard digits > 0 else { return "\(scaled)" }
    let fraction = "\(scaled % scale)"
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}

extension Report {
  private struct JSON: Encodable {
    struct Latency: Encodable {
      var mean: Double
      var p50: Double
      var p90: Double
      var p99: Double
      var p999: Double
      var max: Double
    }

    var seconds: Double
    var connections: Int
    var streams: Int
    var exchanges: Int
    var exchangesPerSecond: Double
    var messages: Int
    var messagesPerSecond: Double
    var bodyBytesPerSecond: Double
    var immediateResponses: Int
    var latencyMicroseconds: Latency
    var errors: [String: Int]
  }

  /// One line of JSON; durations are in microseconds.
  func json() throws -> String {
    let latency = tally.latency
    let json = JSON(
      seconds: seconds, connections: connections, streams: streams, exchanges: tally.exchanges,
      exchangesPerSecond: perSecond(tally.exchanges), messages: tally.messages,
      messagesPerSecond: perSecond(tally.messages), bodyBytesPerSecond: perSecond(tally.bodyBytes),
      immediateResponses: tally.immediateResponses,
      latencyMicroseconds: JSON.Latency(
        mean: latency.mean / 1e3, p50: Double(latency.percentile(0.5)) / 1e3,
        p90: Double(latency.percentile(0.9)) / 1e3, p99: Double(latency.percentile(0.99)) / 1e3,
        p999: Double(latency.percentile(0.999)) / 1e3, max: Double(latency.maximum) / 1e3),
      errors: errors)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(json), as: UTF8.self)
  }
}
