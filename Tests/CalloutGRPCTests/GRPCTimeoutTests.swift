// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Testing

@Suite("grpc-timeout")
struct GRPCTimeoutTests {
  @Test(
    "each unit is read",
    arguments: [
      ("2H", Duration.seconds(7200)), ("3M", .seconds(180)), ("4S", .seconds(4)), ("250m", .milliseconds(250)),
      ("6u", .microseconds(6)), ("7n", .nanoseconds(7)), ("0S", .zero), ("00000001S", .seconds(1)),
      ("99999999H", .seconds(99_999_999 * 3600)),
    ])
  func units(text: String, duration: Duration) {
    #expect(GRPCTimeout.parse(text.utf8) == duration)
  }

  @Test(
    "anything else is no timeout",
    arguments: ["", "S", "1", "1s", "1h", "123456789S", "-1S", "+1S", "1.5S", " 1S", "1 S", "1S ", "1SS", "１S", "0x1S"])
  func malformed(text: String) {
    #expect(GRPCTimeout.parse(text.utf8) == nil)
  }

  @Test(
    "a duration is written in the finest unit of eight digits, rounded up",
    arguments: [
      (Duration.nanoseconds(1), "1n"), (.nanoseconds(99_999_999), "99999999n"),
      (.nanoseconds(100_000_000), "100000u"), (.nanoseconds(100_000_001), "100001u"),
      (.microseconds(99_999_999), "99999999u"), (.seconds(100), "100000m"),
      (.milliseconds(99_999_999), "99999999m"), (.seconds(100_000), "100000S"),
      (.seconds(100_000_000), "1666667M"), (.seconds(6_000_000_000), "1666667H"),
      (Duration(secondsComponent: 0, attosecondsComponent: 1), "1n"),
      (.nanoseconds(99_999_999) + Duration(secondsComponent: 0, attosecondsComponent: 1), "100000u"),
    ])
  func format(duration: Duration, text: String) {
    #expect(GRPCTimeout.format(duration) == text)
  }

  @Test("a deadline already past is 0n")
  func past() {
    #expect(GRPCTimeout.format(.zero) == "0n")
    #expect(GRPCTimeout.format(.seconds(-5)) == "0n")
  }

  @Test("a duration longer than any timeout becomes the longest one")
  func longest() {
    #expect(GRPCTimeout.format(.seconds(Int64.max)) == "99999999H")
  }
}
