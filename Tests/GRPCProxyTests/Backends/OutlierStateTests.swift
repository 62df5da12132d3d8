// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import GRPCProxy

@Suite("When a backend is left out because its calls fail")
struct OutlierStateTests {
  /// Calls that end, each with its second, whether it failed, and for how many seconds the backend is then left out.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var calls: [(second: Int64, failed: Bool, isOutFor: Int64?)]
  }

  private static let detection = {
    var detection = BackendSet.OutlierDetection()
    detection.consecutiveFailures = 3
    detection.ejectionTime = .seconds(10)
    detection.maxEjectionTime = .seconds(35)
    return detection
  }()

  @Test(arguments: [
    Case(testDescription: "so many failures in a row", calls: [(0, true, nil), (1, true, nil), (2, true, 10)]),
    Case(
      testDescription: "a good call in between begins the row anew",
      calls: [(0, true, nil), (0, true, nil), (0, false, nil), (0, true, nil), (0, true, nil), (0, true, 10)]),
    Case(
      testDescription: "while it is out nothing is news, and does not count later",
      calls: [
        (0, true, nil), (0, true, nil), (0, true, 10), (5, true, nil), (5, true, nil), (5, true, nil), (9, true, nil),
        (10, true, nil), (10, true, nil), (10, true, 20),
      ]),
    Case(
      testDescription: "the time doubles with each time in a row, up to the longest",
      calls: [
        (0, true, nil), (0, true, nil), (0, true, 10), (100, true, nil), (100, true, nil), (100, true, 20),
        (200, true, nil), (200, true, nil), (200, true, 35), (300, true, nil), (300, true, nil), (300, true, 35),
      ]),
    Case(
      testDescription: "a good call after it came back makes the next time a first one",
      calls: [
        (0, true, nil), (0, true, nil), (0, true, 10), (10, false, nil), (11, true, nil), (11, true, nil),
        (11, true, 10),
      ]),
    Case(
      testDescription: "a good call that had begun before it was left out does not",
      calls: [
        (0, true, nil), (0, true, nil), (0, true, 10), (5, false, nil), (11, true, nil), (11, true, nil),
        (11, true, 20),
      ]),
  ])
  func calls(_ test: Case) {
    var state = OutlierState(Self.detection)
    for (number, call) in test.calls.enumerated() {
      let now = Self.time(call.second)
      let time = state.callEnded(failed: call.failed, at: now)
      #expect(time == call.isOutFor.map { .seconds($0) }, "call \(number)")
      guard let seconds = call.isOutFor else { continue }
      #expect(!state.isInlier(at: now))
      #expect(!state.isInlier(at: now + .seconds(seconds) - .nanoseconds(1)))
      #expect(state.isInlier(at: now + .seconds(seconds)))
    }
  }

  @Test("without detection nothing is left out")
  func off() {
    var state = OutlierState(nil)
    for second in 0..<100 { #expect(state.callEnded(failed: true, at: Self.time(Int64(second))) == nil) }
    #expect(state.isInlier(at: Self.time(100)))
  }

  @Test("however often it is left out, the time stays in bounds")
  func manyTimes() {
    var state = OutlierState(Self.detection)
    var second: Int64 = 0
    for _ in 0..<1_000 {
      second += 100
      var last: Duration?
      for _ in 0..<3 { last = state.callEnded(failed: true, at: Self.time(second)) }
      #expect(last.map { $0 <= .seconds(35) } == true)
    }
  }

  private static func time(_ second: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(second) }
}
