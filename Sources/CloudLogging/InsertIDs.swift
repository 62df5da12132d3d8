// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers

/// Names entries, so that Cloud Logging knows one that it is sent again, and keeps those of one moment in order.
final class InsertIDs: Sendable {
  private let prefix = hex(.random(in: 0...UInt64.max))
  private let last = NIOLockedValueBox<UInt64>(0)

  func next() -> String {
    let number = last.withLockedValue { last in
      last += 1
      return last
    }
    return prefix + hex(number)
  }
}

/// Of one length, so that the order of the texts is that of the numbers.
private func hex(_ number: UInt64) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
