// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import CalloutGRPC

@Suite("The pauses after attempts to connect that failed")
struct ConnectionBackoffTests {
  private static func backoff(initial: Duration, max: Duration) -> ConnectionBackoff {
    var configuration = GRPCChannel.ConnectionConfiguration()
    configuration.initialBackoff = initial
    configuration.maxBackoff = max
    return ConnectionBackoff(configuration)
  }

  @Test(
    "they grow by 1.6 each up to the longest, which is never shorter than the first",
    arguments: [
      (Duration.seconds(1), Duration.seconds(120), [1, 1.6, 2.56, 4.096, 6.5536]),
      (.seconds(1), .seconds(2), [1, 1.6, 2, 2, 2]),
      (.seconds(3), .seconds(3), [3, 3, 3]),
      (.seconds(5), .seconds(1), [5, 5, 5]),
      (.zero, .seconds(1), [0, 0, 0]),
    ])
  func growth(initial: Duration, max: Duration, seconds: [Double]) {
    var backoff = Self.backoff(initial: initial, max: max)
    for expected in seconds { #expect(backoff.failed(jitter: 0).isAbout(.seconds(expected))) }
  }

  @Test("they stay the longest, however often it fails")
  func maximum() {
    var backoff = Self.backoff(initial: .seconds(1), max: .seconds(120))
    for _ in 0..<1_000 { _ = backoff.failed() }
    #expect(backoff.failed(jitter: 0) == .seconds(120))
  }

  @Test("a connection makes the next one a first one")
  func reset() {
    var backoff = Self.backoff(initial: .seconds(1), max: .seconds(120))
    for _ in 0..<5 { _ = backoff.failed() }
    backoff.succeeded()
    #expect(backoff.failed(jitter: 0) == .seconds(1))
    #expect(backoff.failed(jitter: 0).isAbout(.seconds(1.6)))
  }

  @Test("they vary by a fifth, and what one was varied by does not make the next one longer")
  func jitter() {
    var backoff = Self.backoff(initial: .seconds(10), max: .seconds(10))
    let pauses = (0..<1_000).map { _ in backoff.failed() }
    #expect(pauses.allSatisfy { (.seconds(8)...(.seconds(12))).contains($0) })
    // Of a thousand, one falls into the outer tenth at either end but once in 10^45 times.
    #expect(pauses.contains { $0 < .seconds(8.4) })
    #expect(pauses.contains { $0 > .seconds(11.6) })

    var growing = Self.backoff(initial: .seconds(1), max: .seconds(120))
    #expect(growing.failed(jitter: 0.2).isAbout(.seconds(1.2)))
    #expect(growing.failed(jitter: 0).isAbout(.seconds(1.6)))
  }
}

extension Duration {
  /// Equal but for the rounding of floating-point numbers.
  fileprivate func isAbout(_ other: Duration) -> Bool { abs((self - other) / .seconds(1)) < 1e-9 }
}
