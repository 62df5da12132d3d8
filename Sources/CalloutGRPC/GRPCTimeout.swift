// SPDX-License-Identifier: Apache-2.0

/// The value of `grpc-timeout`: one to eight digits and a unit, such as `250m` for 250 milliseconds.
///
/// Source: "gRPC over HTTP/2", Requests.
package enum GRPCTimeout {
  /// The time a caller gives a call, or nil when the bytes are no timeout.
  ///
  /// Zero is accepted although the grammar asks for a positive number: callers send it for a deadline already past.
  package static func parse(_ bytes: some BidirectionalCollection<UInt8>) -> Duration? {
    guard let unit = bytes.last else { return nil }
    let digits = bytes.dropLast()
    guard !digits.isEmpty, digits.count <= 8 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    switch unit {
    case UInt8(ascii: "H"): return .seconds(value * 3600)
    case UInt8(ascii: "M"): return .seconds(value * 60)
    case UInt8(ascii: "S"): return .seconds(value)
    case UInt8(ascii: "m"): return .milliseconds(value)
    case UInt8(ascii: "u"): return .microseconds(value)
    case UInt8(ascii: "n"): return .nanoseconds(value)
    default: return nil
    }
  }

  /// The duration in the finest unit that takes at most eight digits, rounded up so that no call is cut short.
  ///
  /// A duration of zero or less is `0n`, as grpc-go writes a deadline already past. One longer than eight digits of
  /// hours is `99999999H`, some 11,400 years.
  package static func format(_ duration: Duration) -> String {
    guard duration > .zero else { return "0n" }
    let (seconds, fraction) = duration.components
    let attoseconds = Int128(seconds) * attosecondsPerSecond + Int128(fraction)
    for (unit, size) in units {
      let count = (attoseconds + size - 1) / size
      if count <= longest { return "\(count)\(unit)" }
    }
    return "\(longest)H"
  }

  private static let longest: Int128 = 99_999_999
  private static let attosecondsPerSecond: Int128 = 1_000_000_000_000_000_000
  private static let units: [(unit: Character, attoseconds: Int128)] = [
    ("n", attosecondsPerSecond / 1_000_000_000),
    ("u", attosecondsPerSecond / 1_000_000),
    ("m", attosecondsPerSecond / 1000),
    ("S", attosecondsPerSecond),
    ("M", attosecondsPerSecond * 60),
    ("H", attosecondsPerSecond * 3600),
  ]
}
