// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A time as HTTP has it, in seconds since 1970. Source: RFC 9110 §5.6.7.
struct HTTPDate: Comparable {
  let seconds: Int

  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  static var now: HTTPDate { HTTPDate(seconds: time(nil)) }

  init(seconds: Int) { self.seconds = seconds }

  /// Nil where it is no time, in none of the three forms.
  init?(_ text: String) {
    // A day of the week, day, month, year, hour, minute, second, GMT.
    var words = text.split { " ,-:".contains($0) }
    // Of asctime: a day of the week, month, day, hour, minute, second, year.
    if words.count == 7 { words = [words[0], words[2], words[1], words[6]] + words[3...5] + ["GMT"] }
    guard words.count == 8, words[7] == "GMT", let month = Self.months.firstIndex(of: String(words[2])),
      let day = Self.number(words[1], 1...31), let year = Self.number(words[3], 0...9_999),
      let hour = Self.number(words[4], 0...23), let minute = Self.number(words[5], 0...59),
      let second = Self.number(words[6], 0...60)
    else { return nil }
    var parts = tm()
    // The old form has two digits: its years are taken to be from 1970 to 2069.
    parts.tm_year = year < 70 ? year + 100 : year < 100 ? year : year - 1_900
    (parts.tm_mon, parts.tm_mday) = (Int32(month), day)
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second)
    seconds = timegm(&parts)
  }

  private static func number(_ word: Substring, _ range: ClosedRange<Int32>) -> Int32? {
    Int32(word).flatMap { range.contains($0) ? $0 : nil }
  }

  /// The form that is sent.
  var text: String {
    var (time, parts) = (seconds, tm())
    gmtime_r(&time, &parts)
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { Self.digits(Int($0), 2) }.joined(separator: ":")
    let day = "\(Self.days[Int(parts.tm_wday)]), \(Self.digits(Int(parts.tm_mday), 2))"
    return "\(day) \(Self.months[Int(parts.tm_mon)]) \(Self.digits(1_900 + Int(parts.tm_year), 4)) \(clock) GMT"
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  static func < (a: HTTPDate, b: HTTPDate) -> Bool { a.seconds < b.seconds }
}
