// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Writes the protobuf wire format into memory whose size was worked out before, so nothing moves afterwards.
///
/// All our field numbers are below 16, so every tag is one byte. Source: protobuf.dev, "Encoding".
package struct ProtobufWriter {
  private var cursor: UnsafeMutableRawPointer
  private let end: UnsafeMutableRawPointer

  fileprivate init(_ bytes: UnsafeMutableRawBufferPointer) {
    cursor = bytes.baseAddress!
    end = cursor + bytes.count
  }

  fileprivate var isFull: Bool { cursor == end }

  package mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      byte(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    byte(UInt8(value))
  }

  package mutating func varint(field: Int, _ value: UInt64) {
    byte(UInt8(field << 3))
    varint(value)
  }

  /// The tag and length of a length-delimited field, whose content is written next.
  package mutating func head(field: Int, length: Int) {
    byte(UInt8(field << 3 | 2))
    varint(UInt64(length))
  }

  package mutating func string(field: Int, _ string: String) {
    string.withBytes { bytes(field: field, $0) }
  }

  package mutating func bytes(field: Int, _ bytes: ByteBuffer) {
    head(field: field, length: bytes.readableBytes)
    bytes.withUnsafeReadableBytes { raw($0) }
  }

  package mutating func bytes(field: Int, _ bytes: UnsafeRawBufferPointer) {
    head(field: field, length: bytes.count)
    raw(bytes)
  }

  package mutating func array(_ bytes: [UInt8]) { bytes.withUnsafeBytes { raw($0) } }

  package mutating func raw(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    precondition(bytes.count <= end - cursor)
    cursor.copyMemory(from: start, byteCount: bytes.count)
    cursor += bytes.count
  }

  private mutating func byte(_ value: UInt8) {
    precondition(cursor < end)
    cursor.storeBytes(of: value, as: UInt8.self)
    cursor += 1
  }
}

package enum Protobuf {
  package static func sizeOfVarint(_ value: UInt64) -> Int { (64 - (value | 1).leadingZeroBitCount + 6) / 7 }

  /// The size of a length-delimited field, tag and length included.
  package static func sizeOfField(_ length: Int) -> Int { 1 + sizeOfVarint(UInt64(length)) + length }
}

extension String {
  /// Calls `body` with the text's bytes, without a copy of the text.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
      ?? Array(utf8).withUnsafeBytes(body)
  }
}

extension ByteBuffer {
  /// Appends exactly `size` bytes, which `body` writes.
  package mutating func writeProtobuf(size: Int, _ body: (inout ProtobufWriter) -> Void) {
    writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
      var writer = ProtobufWriter(UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]))
      body(&writer)
      precondition(writer.isFull, "a message is not as long as was worked out")
      return size
    }
  }
}

extension [UInt8] {
  /// Appends exactly `size` bytes, which `body` writes.
  package mutating func appendProtobuf(size: Int, _ body: (inout ProtobufWriter) -> Void) {
    append(addingCapacity: size) { span in
      span.withUnsafeMutableBufferPointer { bytes, count in
        var writer = ProtobufWriter(UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: size))
        body(&writer)
        precondition(writer.isFull, "a message is not as long as was worked out")
        count = size
      }
    }
  }
}
