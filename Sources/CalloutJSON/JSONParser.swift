// SPDX-License-Identifier: Apache-2.0

/// Bytes that are no JSON.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, such as `expected ':'`.
  public let reason: String
  /// Where, counted in bytes from 0.
  public let offset: Int

  public var description: String { "no JSON: \(reason) at byte \(offset)" }
}

extension JSONValue {
  /// Reads a JSON text.
  ///
  /// Throws a `JSONError` where the bytes are not exactly one JSON value in UTF-8, or nest deeper than 128 levels.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    var parser = JSONParser(Array(bytes))
    self = try parser.parse()
  }

  /// Reads a JSON text.
  public init(parsing text: String) throws(JSONError) { try self.init(parsing: text.utf8) }
}

/// Reads one value and nothing else. Source: RFC 8259.
private struct JSONParser {
  private let bytes: [UInt8]
  private var offset = 0
  private var depth = 0

  /// Values nest on the stack, so a peer must not choose how deep.
  private static let maxDepth = 128

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func parse() throws(JSONError) -> JSONValue {
    let value = try parseValue()
    skipSpace()
    guard offset == bytes.count else { throw error("expected the end") }
    return value
  }

  private mutating func parseValue() throws(JSONError) -> JSONValue {
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"): return .object(try nested { parser throws(JSONError) in try parser.parseObject() })
    case UInt8(ascii: "["): return .array(try nested { parser throws(JSONError) in try parser.parseArray() })
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parse("true", as: .bool(true))
    case UInt8(ascii: "f"): return try parse("false", as: .bool(false))
    case UInt8(ascii: "n"): return try parse("null", as: .null)
    case let byte where byte == UInt8(ascii: "-") || isDigit(byte): return .number(try parseNumber())
    default: throw error("expected a value")
    }
  }

  private mutating func nested<Value>(
    _ parse: (inout JSONParser) throws(JSONError) -> Value
  ) throws(JSONError) -> Value {
    depth += 1
    guard depth <= Self.maxDepth else { throw error("nested deeper than \(Self.maxDepth) levels") }
    defer { depth -= 1 }
    offset += 1
    return try parse(&self)
  }

  private mutating func parseObject() throws(JSONError) -> JSONObject {
    var object = JSONObject()
    skipSpace()
    if take("}") { return object }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw error("expected a name") }
      let name = try parseString()
      skipSpace()
      guard take(":") else { throw error("expected ':'") }
      object[name] = try parseValue()
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("expected ',' or '}'") }
    return object
  }

  private mutating func parseArray() throws(JSONError) -> [JSONValue] {
    var array: [JSONValue] = []
    skipSpace()
    if take("]") { return array }
    repeat {
      array.append(try parseValue())
      skipSpace()
    } while take(",")
    guard take("]") else { throw error("expected ',' or ']'") }
    return array
  }

  private mutating func parse(_ word: StaticString, as value: JSONValue) throws(JSONError) -> JSONValue {
    let end = offset + word.utf8CodeUnitCount
    guard end <= bytes.count, word.withUTF8Buffer({ bytes[offset..<end].elementsEqual($0) }) else {
      throw error("expected \(word)")
    }
    offset = end
    return value
  }

  // MARK: Numbers

  private mutating func parseNumber() throws(JSONError) -> JSONNumber {
    let start = offset
    _ = take("-")
    if !take("0") { try skipDigits() }
    if take(".") { try skipDigits() }
    if take("e") || take("E") {
      _ = take("+") || take("-")
      try skipDigits()
    }
    return JSONNumber(text: String(decoding: bytes[start..<offset], as: UTF8.self))
  }

  private mutating func skipDigits() throws(JSONError) {
    guard isDigit(peek) else { throw error("expected a digit") }
    while isDigit(peek) { offset += 1 }
  }

  private func isDigit(_ byte: UInt8?) -> Bool {
    byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
  }

  // MARK: Strings

  private mutating func parseString() throws(JSONError) -> String {
    let start = offset
    offset += 1
    var text: [UInt8] = []
    while let byte = peek, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw error("a control character in a string") }
      offset += 1
      if byte == UInt8(ascii: "\\") { try parseEscape(into: &text) } else { text.append(byte) }
    }
    guard take("\"") else { throw error("expected '\"'") }
    guard let string = String(validating: text, as: UTF8.self) else {
      offset = start
      throw error("a string that is not UTF-8")
    }
    return string
  }

  private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
    guard let escape = peek else { throw error("expected an escaped character") }
    offset += 1
    switch escape {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += UTF8.encode(try parseScalar())!
    default:
      offset -= 1
      throw error("an unknown escape")
    }
  }

  /// The scalar behind `\u`, which may be written as a pair of surrogates.
  private mutating func parseScalar() throws(JSONError) -> Unicode.Scalar {
    let first = try parseHex()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard UTF16.isLeadSurrogate(first), take("\\"), take("u") else { throw error("half a surrogate pair") }
    let second = try parseHex()
    guard UTF16.isTrailSurrogate(second) else { throw error("half a surrogate pair") }
    return UTF16.decode(UTF16.EncodedScalar([first, second]))
  }

  private mutating func parseHex() throws(JSONError) -> UInt16 {
    guard offset + 4 <= bytes.count else { throw error("expected four hexadecimal digits") }
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue else {
        throw error("expected four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
      offset += 1
    }
    return value
  }

  // MARK: Bytes

  private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
  }

  private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: offset) }
}
