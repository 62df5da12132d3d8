// SPDX-License-Identifier: Apache-2.0

/// One range of bytes that a client asks for. Source: RFC 9110 §14.1.2.
struct ByteRange {
  private let first: Int?
  private let last: Int?

  /// Nil where it is no such range, or several, which may be ignored.
  init?(_ value: String) {
    let parts = value.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
    let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy(digits.contains) }) else { return nil }
    first = Self.number(ends[0])
    last = Self.number(ends[1])
    switch (first, last) {
    case (nil, nil): return nil
    case (let first?, let last?) where first > last: return nil
    default: break
    }
  }

  /// Digits as a number, or the greatest there is in the place of a greater one: no file is so long.
  private static func number(_ digits: Substring) -> Int? { digits.isEmpty ? nil : Int(digits) ?? .max }

  /// The bytes of a file that are meant, or nil where it has none of them.
  func within(_ length: Int) -> Range<Int>? {
    guard let first else {
      let count = min(last ?? 0, length)
      return count > 0 ? length - count..<length : nil
    }
    return first < length ? first..<min(last ?? .max, length - 1) + 1 : nil
  }
}
