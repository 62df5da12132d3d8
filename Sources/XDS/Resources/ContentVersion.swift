// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Versions made of content, so that replicas and restarts agree about them without talking to each other.
enum ContentVersion {
  /// A version of what a client would get: 14 hexadecimal digits, which a `String` holds without an allocation.
  static func of(_ type: ResourceType, _ name: String, _ body: [UInt8], _ aliases: [String], _ ttl: Duration?) -> String
  {
    // Each part behind its length, so that no two lists of parts are the same bytes.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 256)
    for part in [type.typeURL, name, "\(ttl.map { "\($0.components)" } ?? "")"] + aliases {
      bytes += "\(part.utf8.count):".utf8
      bytes += part.utf8
    }
    bytes += body
    return hexadecimal(digest(bytes), digits: 14)
  }

  /// What a resource adds to the version of a set: sums of these tell sets apart, whatever the order.
  static func share(_ name: String, _ version: String) -> UInt64 { digest(Array("\(name)\0\(version)".utf8)) }

  /// A version of some resources of a type.
  static func of(_ resources: [Resource]) -> String {
    ofSet(resources.reduce(0) { $0 &+ share($1.name, $1.version) })
  }

  /// A version of a set of resources, from the sum of their shares.
  static func ofSet(_ sum: UInt64) -> String { hexadecimal(sum, digits: 16) }

  private static func digest(_ bytes: [UInt8]) -> UInt64 {
    var hash = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    _ = SHA256(bytes, bytes.count, &hash)
    return hash.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func hexadecimal(_ number: UInt64, digits: Int) -> String {
    let text = String(number >> UInt64(64 - 4 * digits), radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }
}
