// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

extension HTTPBody {
  /// Whether a text occurs in the bytes, which need not be text themselves.
  ///
  /// A text that the proxy cut in two is not found in either piece: have the body whole for that.
  public func contains(_ text: String) -> Bool { contains(bytes: Array(text.utf8)) }

  /// Whether these bytes occur one behind the other.
  public func contains(bytes wanted: [UInt8]) -> Bool {
    guard let first = wanted.first else { return true }
    return bytes.withUnsafeReadableBytes { bytes in
      guard bytes.count >= wanted.count else { return false }
      var start = 0
      while let found = bytes[start...(bytes.count - wanted.count)].firstIndex(of: first) {
        if bytes[found..<(found + wanted.count)].elementsEqual(wanted) { return true }
        guard found < bytes.count - wanted.count else { return false }
        start = found + 1
      }
      return false
    }
  }
}
