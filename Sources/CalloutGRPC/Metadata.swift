// SPDX-License-Identifier: Apache-2.0

/// The metadata of a call: an ordered list of names with text or bytes, sent as HTTP/2 fields.
///
/// Names are compared without regard to case and stored in lower case; entries under one name keep their order.
/// A name ending in `-bin` holds bytes, every other name text. What cannot be sent is refused when it is set, with
/// a thrown `GRPCStatus` of INTERNAL. Source: "gRPC over HTTP/2", Custom-Metadata.
public struct Metadata: Sendable, Hashable, RandomAccessCollection {
  /// One name with one value.
  public struct Entry: Sendable, Hashable {
    /// In lower case.
    public let name: String
    public let value: Value

    public enum Value: Sendable, Hashable {
      case string(String)
      case binary([UInt8])
    }
  }

  private var entries: [Entry] = []

  public init() {}

  public var startIndex: Int { entries.startIndex }
  public var endIndex: Int { entries.endIndex }
  public subscript(position: Int) -> Entry { entries[position] }

  /// The first text under the name; nil when there is none.
  public subscript(name: String) -> String? {
    let name = Self.lowercased(name)
    for case .string(let value) in entries.lazy.filter({ $0.name == name }).map(\.value) { return value }
    return nil
  }

  /// All texts under the name, in order.
  public func strings(_ name: String) -> [String] {
    let name = Self.lowercased(name)
    return entries.compactMap { entry in
      if entry.name == name, case .string(let value) = entry.value { value } else { nil }
    }
  }

  /// All byte values under the name, in order.
  public func binaries(_ name: String) -> [[UInt8]] {
    let name = Self.lowercased(name)
    return entries.compactMap { entry in
      if entry.name == name, case .binary(let value) = entry.value { value } else { nil }
    }
  }

  /// Adds a value behind those already under the name.
  ///
  /// Throws INTERNAL, and adds nothing, when
  /// - the name is not an RFC 9110 token, or is one that gRPC or HTTP/2 keeps to itself (`grpc-*`, `te`,
  ///   `content-type`, `content-length` and the connection's own fields);
  /// - a text is for a name ending in `-bin`, or bytes are for another name;
  /// - a text is not printable ASCII (0x20...0x7E), or has a space at either end, which HTTP/2 forbids.
  public mutating func append(_ name: String, _ value: Entry.Value) throws(GRPCStatus) {
    entries.append(try Self.checkedEntry(name, value))
  }

  /// Adds a text behind those already under the name; throws as `append(_:_:)` of a value does.
  public mutating func append(_ name: String, _ string: String) throws(GRPCStatus) {
    try append(name, .string(string))
  }

  /// Puts one value in place of all under the name; throws as `append` does, and then changes nothing.
  public mutating func set(_ name: String, _ value: Entry.Value) throws(GRPCStatus) {
    let entry = try Self.checkedEntry(name, value)
    remove(name)
    entries.append(entry)
  }

  /// Puts one text in place of all values under the name; throws as `append` does, and then changes nothing.
  public mutating func set(_ name: String, _ string: String) throws(GRPCStatus) {
    try set(name, .string(string))
  }

  /// Adds all entries of another, behind those that there are.
  public mutating func append(contentsOf other: Metadata) { entries += other.entries }

  /// Removes all values under the name.
  public mutating func remove(_ name: String) {
    let name = Self.lowercased(name)
    entries.removeAll { $0.name == name }
  }
}

extension Metadata: ExpressibleByDictionaryLiteral {
  /// Metadata written out in the source, in order, such as `["x-team": "edge"]`.
  ///
  /// Only literals fit, so that a name or text `append` would refuse is a mistake in the source: it stops the program.
  /// Values known at run time go through `append` and `set`.
  public init(dictionaryLiteral elements: (StaticString, StaticString)...) {
    for (name, value) in elements {
      do {
        try append(name.description, value.description)
      } catch {
        preconditionFailure(error.message)
      }
    }
  }
}

extension Metadata {
  /// What became of a field received.
  package enum Reception: Hashable, Sendable {
    case kept
    /// The field is gRPC's or HTTP/2's own, no metadata.
    case reserved
    /// The name is no token, the text is not printable ASCII, or the bytes are no base64.
    case malformed
  }

  /// Adds a field as received; bytes come as base64, padded or not, several in one field between commas.
  ///
  /// A field that is reserved or malformed is left out, and the answer says so.
  package mutating func appendWire(name: String, value: some BidirectionalCollection<UInt8>) -> Reception {
    let name = Self.lowercased(name)
    if name.hasPrefix(":") || Self.isReserved(name) { return .reserved }
    guard Self.isToken(name) else { return .malformed }
    if Self.isBinary(name) {
      var decoded: [Entry] = []
      for item in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let bytes = Base64.decode(Self.trimmingWhitespace(item)) else { return .malformed }
        decoded.append(Entry(name: name, value: .binary(bytes)))
      }
      entries.append(contentsOf: decoded)
    } else {
      let text = Self.trimmingWhitespace(value)
      guard text.allSatisfy(Self.isPrintable) else { return .malformed }
      entries.append(Entry(name: name, value: .string(String(decoding: text, as: UTF8.self))))
    }
    return .kept
  }

  /// The fields to send, in order; bytes as base64 without padding.
  package var wirePairs: some Sequence<(name: String, value: String)> {
    entries.lazy.map { entry in
      switch entry.value {
      case .string(let string): (name: entry.name, value: string)
      case .binary(let bytes): (name: entry.name, value: Base64.encode(bytes))
      }
    }
  }
}

extension Metadata {
  private static func checkedEntry(_ name: String, _ value: Entry.Value) throws(GRPCStatus) -> Entry {
    let name = lowercased(name)
    guard isToken(name) else { throw GRPCStatus(.internal, "metadata name '\(name)' is not a token") }
    guard !isReserved(name) else { throw GRPCStatus(.internal, "metadata name '\(name)' is reserved") }
    switch value {
    case .binary:
      guard isBinary(name) else { throw GRPCStatus(.internal, "metadata '\(name)': bytes need a name in '-bin'") }
    case .string(let string):
      guard !isBinary(name) else { throw GRPCStatus(.internal, "metadata '\(name)': text under a name in '-bin'") }
      guard string.utf8.allSatisfy(isPrintable), string.utf8.first != space, string.utf8.last != space else {
        throw GRPCStatus(.internal, "metadata '\(name)': text is not printable ASCII without spaces around it")
      }
    }
    return Entry(name: name, value: value)
  }

  /// Lower case in ASCII only; what is not ASCII is left for `isToken` to refuse.
  private static func lowercased(_ name: String) -> String {
    let uppercase = UInt8(ascii: "A")...UInt8(ascii: "Z")
    guard name.utf8.contains(where: uppercase.contains) else { return name }
    return String(decoding: name.utf8.lazy.map { uppercase.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  private static func isBinary(_ name: String) -> Bool { name.hasSuffix("-bin") }

  private static func isReserved(_ name: String) -> Bool {
    switch name {
    case "te", "content-type", "content-length", "connection", "keep-alive", "proxy-connection",
      "transfer-encoding", "upgrade":
      true
    default:
      name.hasPrefix("grpc-")
    }
  }

  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  private static let space = UInt8(ascii: " ")

  private static func isPrintable(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) }

  private static func trimmingWhitespace<Bytes: BidirectionalCollection<UInt8>>(_ bytes: Bytes) -> Bytes.SubSequence {
    let isWhitespace: (UInt8) -> Bool = { $0 == space || $0 == UInt8(ascii: "\t") }
    let trimmed = bytes.drop(while: isWhitespace)
    guard let last = trimmed.lastIndex(where: { !isWhitespace($0) }) else { return trimmed }
    return trimmed[...last]
  }
}

/// The base64 of RFC 4648, section 4, written without padding and read with or without.
private enum Base64 {
  static func encode(_ bytes: [UInt8]) -> String {
    var characters: [UInt8] = []
    characters.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits = 0
    var bitCount = 0
    for byte in bytes {
      bits = (bits << 8 | Int(byte)) & 0xFFFF
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        characters.append(alphabet[bits >> bitCount & 0x3F])
      }
    }
    if bitCount > 0 { characters.append(alphabet[bits << (6 - bitCount) & 0x3F]) }
    return String(decoding: characters, as: UTF8.self)
  }

  /// The bytes, or nil when a character is outside the alphabet or the length cannot be.
  static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let characters = text.dropLast(padding)
    guard characters.count % 4 != 1, padding == 0 || padding <= 2 && text.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count * 3 / 4)
    var bits = 0
    var bitCount = 0
    for character in characters {
      guard let value = value(of: character) else { return nil }
      bits = (bits << 6 | value) & 0xFFFF
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
      }
    }
    return bytes
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func value(of character: UInt8) -> Int? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
