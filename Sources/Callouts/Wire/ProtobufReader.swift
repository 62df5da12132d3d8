// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Reads the protobuf wire format field by field, without allocating.
///
/// Source: protobuf.dev, "Encoding". Throws `CalloutError.malformedRequest` where the bytes are not protobuf.
package struct ProtobufReader {
  private let bytes: UnsafeRawBufferPointer
  package private(set) var offset: Int
  private let end: Int

  /// A field's number and wire type.
  package struct Tag {
    package var field: Int
    package var wireType: WireType
  }

  package enum WireType: UInt8 { case varint, fixed64, lengthDelimited, startGroup, endGroup, fixed32 }

  package init(_ bytes: UnsafeRawBufferPointer, range: Range<Int>? = nil) {
    self.bytes = bytes
    offset = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// The next field, or nil at the end.
  package mutating func nextTag() throws(CalloutError) -> Tag? {
    guard offset < end else { return nil }
    // Nearly every tag is one byte.
    let byte = bytes[offset]
    if (8..<0x80).contains(byte), let wireType = WireType(rawValue: byte & 7) {
      offset += 1
      return Tag(field: Int(byte >> 3), wireType: wireType)
    }
    return try readLongTag()
  }

  private mutating func readLongTag() throws(CalloutError) -> Tag {
    let start = offset
    let key = try readVarint()
    guard key <= UInt64(UInt32.max), offset - start <= Self.maxTagLength,
      let wireType = WireType(rawValue: UInt8(key & 7)), key >> 3 != 0
    else {
      throw .malformed("a field's tag is no tag")
    }
    return Tag(field: Int(key >> 3), wireType: wireType)
  }

  package mutating func readVarint() throws(CalloutError) -> UInt64 {
    // Nearly every length is one byte.
    if offset < end, bytes[offset] < 0x80 {
      offset += 1
      return UInt64(bytes[offset - 1])
    }
    return try readLongVarint()
  }

  private mutating func readLongVarint() throws(CalloutError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end, shift < 70 {
      let byte = bytes[offset]
      offset += 1
      // The tenth byte has room for one bit; protobuf drops the rest.
      if shift < 64 { value |= UInt64(byte & 0x7f) << shift }
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .malformed("a number is not complete")
  }

  /// The range of a length-delimited field's content.
  package mutating func readRange() throws(CalloutError) -> Range<Int> {
    let length = try readVarint()
    guard length <= UInt64(end - offset) else { throw .malformed("a field is longer than its message") }
    let start = offset
    offset += Int(length)
    return start..<offset
  }

  /// Passes over the content of a field that nobody here reads.
  package mutating func skip(_ tag: Tag) throws(CalloutError) {
    switch tag.wireType {
    case .varint: _ = try readVarint()
    case .fixed64: try advance(8)
    case .lengthDelimited: _ = try readRange()
    case .startGroup: try skipGroup(tag.field)
    case .endGroup: throw .malformed("a group ends that never began")
    case .fixed32: try advance(4)
    }
  }

  private mutating func skipGroup(_ field: Int) throws(CalloutError) {
    var open = [field]
    while let outermost = open.last {
      guard let tag = try nextTag() else { throw .malformed("a group does not end") }
      switch tag.wireType {
      case .startGroup:
        guard open.count < Self.maxGroupDepth else { throw .malformed("groups are nested too deep") }
        open.append(tag.field)
      case .endGroup:
        guard tag.field == outermost else { throw .malformed("a group ends with another's number") }
        open.removeLast()
      default: try skip(tag)
      }
    }
  }

  private mutating func advance(_ count: Int) throws(CalloutError) {
    guard count <= end - offset else { throw .malformed("a field is longer than its message") }
    offset += count
  }

  /// The bytes of 32 bits: a longer tag has needless ones, which no protobuf library takes.
  private static let maxTagLength = 5

  /// As deep as swift-protobuf goes.
  private static let maxGroupDepth = 99
}

extension ByteBuffer {
  /// Calls `body` with the readable bytes, keeping the type of what it throws.
  package func readProtobuf<Value>(
    _ body: (UnsafeRawBufferPointer) throws(CalloutError) -> Value
  ) throws(CalloutError) -> Value {
    try withUnsafeReadableBytes { bytes -> Result<Value, CalloutError> in
      do throws(CalloutError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }.get()
  }
}
