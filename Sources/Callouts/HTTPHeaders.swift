// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// The headers or trailers that the proxy sent, read from where they are when asked for.
///
/// A header that nobody asks for costs no allocation. Names are compared in any case; Envoy sends them in lower
/// case, the pseudo-headers such as `:path` among them. Source: `envoy.service.ext_proc.v3.HttpHeaders`.
public struct HTTPHeaders: Sendable {
  /// No body and no trailers follow.
  public let endOfStream: Bool

  private let storage: Storage

  private enum Storage {
    case received(ByteBuffer)
    case lazy(LazyHeaders)
  }

  init(_ message: consuming ByteBuffer) throws(CalloutError) {
    endOfStream = try Self.check(message)
    storage = .received(message)
  }

  package init(_ headers: LazyHeaders) {
    storage = .lazy(headers)
    endOfStream = headers.endOfStream
  }

  /// No headers, and a body may follow.
  static let none = HTTPHeaders()

  private init() {
    storage = .received(ByteBuffer())
    endOfStream = false
  }

  /// A serialized HttpHeaders or HttpTrailers message; both hold their HeaderMap in field 1.
  private var message: ByteBuffer {
    switch storage {
    case .received(let message): message
    case .lazy(let headers): headers.message
    }
  }

  /// The first value of a header, invalid UTF-8 repaired, or nil where it is missing.
  public subscript(name: String) -> String? {
    firstValue(of: name) { String(decoding: $0, as: UTF8.self) }
  }

  /// The first value of a header as the bytes that were sent.
  public func bytes(of name: String) -> [UInt8]? { firstValue(of: name) { Array($0) } }

  /// All values of a header, in order.
  public func values(of name: String) -> [String] {
    var values: [String] = []
    forEachRaw { candidate, value in
      if Self.matches(candidate, name) { values.append(String(decoding: value, as: UTF8.self)) }
      return true
    }
    return values
  }

  /// Whether the header is there, even if empty.
  public func contains(_ name: String) -> Bool { firstValue(of: name) { _ in true } ?? false }

  /// `:method`, of a request.
  public var method: String? { self[":method"] }
  /// `:path` with its query, of a request.
  public var path: String? { self[":path"] }
  /// `:authority`, of a request: the host asked for.
  public var authority: String? { self[":authority"] }
  /// `:scheme`, of a request.
  public var scheme: String? { self[":scheme"] }
  /// `:status`, of a response.
  public var status: Int? { self[":status"].flatMap { Int($0) } }

  // MARK: Reading

  private func firstValue<Value>(
    of name: String, _ make: (UnsafeRawBufferPointer) -> Value
  ) -> Value? {
    var found: Value?
    forEachRaw { candidate, value in
      guard Self.matches(candidate, name) else { return true }
      found = make(value)
      return false
    }
    return found
  }

  private static func matches(_ candidate: UnsafeRawBufferPointer, _ name: String) -> Bool {
    guard candidate.count == name.utf8.count else { return false }
    return zip(candidate, name.utf8).allSatisfy { $0 == $1 || lowercased($0) == lowercased($1) }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// Calls `body` with each name and value in order until it returns false.
  func forEachRaw(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) {
    message.withUnsafeReadableBytes { bytes in
      // The bytes were checked when this value was made.
      _ = try? Self.walk(bytes) { header in
        let value = header.rawValue.isEmpty ? header.value : header.rawValue
        return body(
          UnsafeRawBufferPointer(rebasing: bytes[header.key]), UnsafeRawBufferPointer(rebasing: bytes[value]))
      }
    }
  }

  /// The ranges of a serialized HeaderValue's fields.
  private struct Header {
    var key = 0..<0
    var value = 0..<0
    var rawValue = 0..<0

    init() {}

    /// Reads a key and a raw_value of less than 128 bytes each and nothing else, which is what Envoy sends; nil for
    /// any other form.
    init?(ofUsualForm bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
      let key = range.lowerBound + 2
      guard key < range.upperBound, bytes[key - 2] == 1 << 3 | 2, bytes[key - 1] < 0x80 else { return nil }
      let keyEnd = key + Int(bytes[key - 1])
      let value = keyEnd + 2
      guard value <= range.upperBound, bytes[keyEnd] == 3 << 3 | 2, bytes[keyEnd + 1] < 0x80,
        value + Int(bytes[keyEnd + 1]) == range.upperBound
      else { return nil }
      self.key = key..<keyEnd
      rawValue = value..<range.upperBound
    }
  }

  /// Reads everything once so that later reading cannot fail; returns end_of_stream.
  private static func check(_ message: ByteBuffer) throws(CalloutError) -> Bool {
    try message.readProtobuf { bytes throws(CalloutError) in
      try walk(bytes, from: endOfUsualHeaders) { _ in true }
    }
  }

  /// Where the headers end with which a map begins that are of the form that Envoy sends: a key and a raw_value, of
  /// less than 128 bytes all together. What follows has to be read with more care.
  private static func endOfUsualHeaders(_ bytes: UnsafeRawBufferPointer, _ map: Range<Int>) -> Int {
    var start = map.lowerBound
    // The two bytes before the header, and two before each of its parts.
    while start + 6 <= map.upperBound {
      let length = Int(bytes[start + 1])
      let keyLength = Int(bytes[start + 3])
      guard bytes[start] == 1 << 3 | 2, length < 0x80, start + 2 + length <= map.upperBound,
        bytes[start + 2] == 1 << 3 | 2, keyLength + 4 <= length
      else { break }
      let value = start + 4 + keyLength
      guard bytes[value] == 3 << 3 | 2, Int(bytes[value + 1]) + keyLength + 4 == length else { break }
      start += 2 + length
    }
    return start
  }

  @inline(__always)
  private static func walk(
    _ bytes: UnsafeRawBufferPointer,
    from first: (_ bytes: UnsafeRawBufferPointer, _ map: Range<Int>) -> Int = { $1.lowerBound },
    _ body: (Header) -> Bool
  ) throws(CalloutError) -> Bool {
    var endOfStream = false
    var message = ProtobufReader(bytes)
    while let tag = try message.nextTag() {
      switch (tag.field, tag.wireType) {
      case (1, .lengthDelimited):
        let range = try message.readRange()
        var map = ProtobufReader(bytes, range: first(bytes, range)..<range.upperBound)
        while let tag = try map.nextTag() {
          guard tag.field == 1, tag.wireType == .lengthDelimited else {
            try map.skip(tag)
            continue
          }
          let range = try map.readRange()
          if let header = Header(ofUsualForm: bytes, range) {
            guard body(header) else { return endOfStream }
          } else {
            guard body(try header(bytes, range)) else { return endOfStream }
          }
        }
      case (3, .varint): endOfStream = try message.readVarint() != 0
      default: try message.skip(tag)
      }
    }
    return endOfStream
  }

  private static func header(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(CalloutError) -> Header {
    var header = Header()
    var reader = ProtobufReader(bytes, range: range)
    while let tag = try reader.nextTag() {
      switch (tag.field, tag.wireType) {
      case (1, .lengthDelimited): header.key = try reader.readRange()
      case (2, .lengthDelimited): header.value = try reader.readRange()
      case (3, .lengthDelimited): header.rawValue = try reader.readRange()
      default: try reader.skip(tag)
      }
    }
    return header
  }
}

extension HTTPHeaders: Sequence {
  /// The headers in order, as text.
  public func makeIterator() -> IndexingIterator<[(name: String, value: String)]> {
    var all: [(name: String, value: String)] = []
    forEachRaw { name, value in
      all.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
      return true
    }
    return all.makeIterator()
  }
}
