// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An IP address. An IPv4 address that is written as an IPv6 one, such as `::ffff:10.0.0.5`, is that IPv4 address.
struct IPAddress: Equatable {
  /// 4 of IPv4, or 16 of IPv6.
  let bytes: [UInt8]

  /// Nil where the text is no address.
  init?(_ text: String) {
    // C would stop reading there.
    guard !text.utf8.contains(0) else { return nil }
    if let bytes = Self.bytes(of: text, AF_INET, count: 4) {
      self.bytes = bytes
    } else if let bytes = Self.bytes(of: text, AF_INET6, count: 16) {
      self.bytes = Self.prefixesOfIPv4.contains(Array(bytes[..<12])) ? Array(bytes[12...]) : bytes
    } else {
      return nil
    }
  }

  private static func bytes(of text: String, _ family: Int32, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    return inet_pton(family, text, &bytes) == 1 ? bytes : nil
  }

  /// What stands before an IPv4 address in IPv6: mapped and compatible (RFC 4291 §2.5.5), and for NAT64 (RFC 6052 §2.1).
  private static let prefixesOfIPv4: [[UInt8]] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
  ]
}

/// All IPv4 addresses that begin with the same bits.
struct AddressBlock {
  private let first: UInt32
  private let mask: UInt32

  init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, prefix: Int) {
    mask = ~UInt32(0) << (32 - prefix)
    first = Self.number([a, b, c, d]) & mask
  }

  func contains(_ address: IPAddress) -> Bool {
    address.bytes.count == 4 && Self.number(address.bytes) & mask == first
  }

  private static func number(_ bytes: [UInt8]) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}
