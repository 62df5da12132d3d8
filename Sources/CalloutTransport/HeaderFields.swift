// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// An ordered list of HTTP field lines (RFC 9110 §5), kept as the bytes that travelled.
///
/// All fields share one allocation, so receiving a header section costs one, however many fields it has.
/// Names are lower-case as HTTP/2 requires (RFC 9113 §8.2); nothing here folds case.
package struct HeaderFields: Sendable {
  /// Each field is `name length: UInt32, value length: UInt32, name, value`, lengths in host byte order.
  private var storage: [UInt8] = []
  package private(set) var count = 0

  package init() {}

  package init(reservingBytes bytes: Int) {
    storage.reserveCapacity(bytes)
  }

  /// Fields that were written with `write`, one after the other.
  init(_ bytes: UnsafeRawBufferPointer, count: Int) {
    storage = Array(bytes)
    self.count = count
  }

  /// The size a peer accounts for this list: names, values and 32 bytes a field (RFC 9113 §6.5.2).
  package var listSize: Int { Self.listSize(storage.count, count) }

  static func listSize(_ bytes: Int, _ count: Int) -> Int { bytes + count * (fieldOverhead - prefixLength) }

  /// The same fields in the same order.
  package func isSame(as other: HeaderFields) -> Bool { other.storage.withUnsafeBytes { hasBytes($0) } }

  func hasBytes(_ bytes: UnsafeRawBufferPointer) -> Bool { storage.withUnsafeBytes { $0.isEqual(to: bytes) } }

  package mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    let size = Self.size(name, value)
    storage.append(addingCapacity: size) { span in
      span.withUnsafeMutableBufferPointer { bytes, count in
        Self.write(name, value, to: UnsafeMutableRawPointer(bytes.baseAddress!))
        count = size
      }
    }
    count += 1
  }

  package mutating func append(_ name: String, _ value: String) {
    var name = name
    var value = value
    name.withUTF8 { name in value.withUTF8 { value in append(name: name, value: value) } }
  }

  /// Calls `body` with each field in order; the pointers are valid only during the call.
  package func forEach(_ body: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Void) {
    withAllFields(body) {}
  }

  /// Like `forEach`, with the pointers still valid while `then` runs.
  func withAllFields<Result>(
    _ body: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Void, then: () -> Result
  ) -> Result {
    storage.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let field = Self.field(in: bytes, at: &offset)
        body(field.name, field.value)
      }
      return then()
    }
  }

  /// The first value of the field, or nil; the pointer that `body` gets is valid only during the call.
  package func withValue<Result>(
    of name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result? {
    try storage.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let field = Self.field(in: bytes, at: &offset)
        if name.matches(field.name) { return try body(field.value) }
      }
      return nil
    }
  }

  /// The first value of the field as text, invalid UTF-8 repaired.
  package subscript(name: StaticString) -> String? {
    withValue(of: name) { String(decoding: $0, as: UTF8.self) }
  }

  private static let prefixLength = 8
  private static let fieldOverhead = 32

  /// The bytes that a field takes in the storage.
  static func size(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Int {
    prefixLength + name.count + value.count
  }

  /// Writes a field's `size` bytes.
  static func write(
    _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, to field: UnsafeMutableRawPointer
  ) {
    field.storeBytes(of: UInt32(name.count), as: UInt32.self)
    field.storeBytes(of: UInt32(value.count), toByteOffset: 4, as: UInt32.self)
    let bytes = field + prefixLength
    if let start = name.baseAddress { bytes.copyMemory(from: start, byteCount: name.count) }
    if let start = value.baseAddress { (bytes + name.count).copyMemory(from: start, byteCount: value.count) }
  }

  private static func field(
    in bytes: UnsafeRawBufferPointer, at offset: inout Int
  ) -> (name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    let nameLength = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    let valueLength = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
    let name = offset + prefixLength
    let value = name + nameLength
    offset = value + valueLength
    return (
      UnsafeRawBufferPointer(rebasing: bytes[name..<value]).assumingMemoryBound(to: UInt8.self),
      UnsafeRawBufferPointer(rebasing: bytes[value..<offset]).assumingMemoryBound(to: UInt8.self)
    )
  }
}

extension HeaderFields: ExpressibleByDictionaryLiteral, CustomStringConvertible {
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { append(name, value) }
  }

  package var description: String {
    var lines: [String] = []
    forEach { lines.append("\(String(decoding: $0, as: UTF8.self)): \(String(decoding: $1, as: UTF8.self))") }
    return lines.joined(separator: "\n")
  }
}

extension StaticString {
  package func matches(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    UnsafeRawBufferPointer(bytes).isEqual(to: UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount))
  }
}

extension UnsafeRawBufferPointer {
  package func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    guard let start = baseAddress, let other = other.baseAddress else { return true }
    return memcmp(start, other, count) == 0
  }
}
