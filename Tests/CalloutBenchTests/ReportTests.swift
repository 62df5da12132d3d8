// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import CalloutBench

@Suite("What callout-bench counts and reports")
struct ReportTests {
  @Test("percentiles are right to 1.6 %, whatever the size", arguments: [1, 7, 63, 64, 65, 1_000, 1 << 40] as [Int64])
  func percentiles(unit: Int64) {
    var histogram = LatencyHistogram()
    for value in 1...1_000 { histogram.record(nanoseconds: Int64(value) * unit) }
    for (share, exact) in [(0.001, 1), (0.5, 500), (0.9, 900), (0.99, 990), (1, 1_000)] as [(Double, Int64)] {
      let seen = histogram.percentile(share)
      #expect(seen >= exact * unit && Double(seen) <= Double(exact * unit) * 1.016 + 1, "\(share): \(seen)")
    }
    #expect(histogram.maximum == 1_000 * unit)
    #expect(abs(histogram.mean / (500.5 * Double(unit)) - 1) < 1e-9)
  }

  @Test("nothing counted is 0, and what is less than 0 counts as 0")
  func empty() {
    var histogram = LatencyHistogram()
    #expect(histogram.percentile(0.5) == 0 && histogram.mean == 0)
    histogram.record(nanoseconds: -5)
    #expect(histogram.percentile(1) == 0 && histogram.count == 1)
  }

  @Test("what connections counted is added up")
  func add() {
    var one = Tally()
    one.exchanges = 1
    one.latency.record(nanoseconds: 10)
    one.count("a")
    var other = Tally()
    other.exchanges = 2
    other.latency.record(nanoseconds: 30)
    other.count("a")
    other.count("b")
    one.add(other)
    #expect(one.exchanges == 3 && one.latency.count == 2 && one.latency.maximum == 30 && one.latency.mean == 20)
    #expect(one.errors == ["a": 2, "b": 1])
  }

  @Test("the report says it as text and as JSON")
  func report() throws {
    var tally = Tally()
    tally.exchanges = 50
    tally.messages = 100
    tally.bodyBytes = 3_000_000
    for _ in 0..<100 { tally.latency.record(nanoseconds: 2_000) }
    tally.count("the stream was reset: CANCEL")
    let report = Report(seconds: 2, connections: 3, streams: 4, tally: tally)
    #expect(
      report.description == """
        3 connections, 4 streams each, 2.00 s
        exchanges   50, 25 per second
        messages    100, 50 per second
        bodies      1.5 MB per second
        latency     p50 2 us  p90 2 us  p99 2 us  p99.9 2 us  max 2 us
        errors      1
          1 the stream was reset: CANCEL
        """)
    let json = try #require(JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
    #expect(json["messages_per_second"] as? Double == 50)
    #expect(json["body_bytes_per_second"] as? Double == 1_500_000)
    #expect((json["latency_microseconds"] as? [String: Double])?["p999"] == 2)
    #expect(json["errors"] as? [String: Int] == ["the stream was reset: CANCEL": 1])
  }
}
