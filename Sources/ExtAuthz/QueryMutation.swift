// SPDX-License-Identifier: Apache-2.0

/// Changes to the query of a request's path, in names and values as they are meant: what a query cannot hold is
/// percent-encoded, and a parameter is found however the client wrote its name.
public struct QueryMutation: Sendable {
  /// Parameters to set, in place of all that have their names.
  public var settings: [(name: String, value: String)]
  /// Parameters to remove.
  public var removals: [String]

  public init(set: KeyValuePairs<String, String> = [:], remove: [String] = []) {
    settings = set.map { (name: $0, value: $1) }
    removals = remove
  }

  public var isEmpty: Bool { settings.isEmpty && removals.isEmpty }

  // Envoy compares names with the path as it came, writes what it is given as it is, and removes last.

  /// The parameters to set as Envoy should write them.
  var encodedSettings: [(name: String, value: String)] {
    settings.map { (name: Self.encoded($0.name), value: Self.encoded($0.value)) }
  }

  /// The names to remove as they stand in a path.
  func encodedRemovals(from path: String) -> [String] {
    let written = Set(encodedSettings.map(\.name))
    let names = Set(removals).union(settings.map(\.name))
    var found: [String] = []
    for name in Self.names(in: path) where names.contains(Self.decoded(name)) && !written.contains(name) {
      if !found.contains(name) { found.append(name) }
    }
    return found
  }

  /// The names of a path's parameters as they are written there.
  private static func names(in path: String) -> [String] {
    guard let mark = path.utf8.firstIndex(of: UInt8(ascii: "?")) else { return [] }
    return path.utf8[path.utf8.index(after: mark)...].split(separator: UInt8(ascii: "&")).map { parameter in
      String(decoding: parameter.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
    }
  }

  /// Source: RFC 3986 §2.3, unreserved characters.
  private static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
      if byte == UInt8(ascii: "%"), digits.count == 2 {
        bytes.append(UInt8(digits[0] << 4 | digits[1]))
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
