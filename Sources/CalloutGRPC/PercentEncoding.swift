// SPDX-License-Identifier: Apache-2.0

/// The encoding of `grpc-message`: UTF-8 with bytes that are not printable ASCII written as `%XX`.
///
/// Source: "gRPC over HTTP/2", Responses.
package enum PercentEncoding {
  /// The text as printable ASCII that any peer decodes back to the same text.
  ///
  /// Escaped are bytes outside 0x20...0x7E and `%`. A space at either end is escaped too, although the gRPC grammar
  /// allows it: HTTP/2 forbids a field value to begin or end with one (RFC 9113, 8.2.1).
  package static func encode(_ text: String) -> String {
    var text = text
    return text.withUTF8 { bytes in
      guard !bytes.indices.allSatisfy({ staysAsIs(bytes, $0) }) else {
        return String(decoding: bytes, as: UTF8.self)
      }
      var encoded: [UInt8] = []
      encoded.reserveCapacity(bytes.count * 3)
      for index in bytes.indices {
        if staysAsIs(bytes, index) {
          encoded.append(bytes[index])
        } else {
          encoded.append(percent)
          encoded.append(hexDigits[Int(bytes[index] >> 4)])
          encoded.append(hexDigits[Int(bytes[index] & 0xF)])
        }
      }
      return String(decoding: encoded, as: UTF8.self)
    }
  }

  /// The text the bytes stand for.
  ///
  /// Decoding never fails, so that a broken message still reaches a reader: a `%` not followed by two hexadecimal
  /// digits stays as it is, and invalid UTF-8 becomes U+FFFD.
  package static func decode(_ bytes: some Collection<UInt8>) -> String {
    guard bytes.contains(percent) else { return String(decoding: bytes, as: UTF8.self) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      let escape = rest.prefix(2)
      if byte == percent, escape.count == 2, let value = hexadecimalValue(escape) {
        decoded.append(value)
        rest.removeFirst(2)
      } else {
        decoded.append(byte)
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static let percent = UInt8(ascii: "%")
  private static let space = UInt8(ascii: " ")
  private static let hexDigits = Array("0123456789ABCDEF".utf8)

  private static func staysAsIs(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
    switch bytes[index] {
    case percent: false
    case space: index > 0 && index < bytes.count - 1
    case 0x21...0x7E: true
    default: false
    }
  }

  private static func hexadecimalValue(_ digits: some Sequence<UInt8>) -> UInt8? {
    var value: UInt8 = 0
    for digit in digits {
      let nibble: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = digit - UInt8(ascii: "0")
      case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = digit - UInt8(ascii: "A") + 10
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      value = value << 4 | nibble
    }
    return value
  }
}
