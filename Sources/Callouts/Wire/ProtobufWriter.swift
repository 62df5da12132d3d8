// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Writing the protobuf wire format into a buffer. Sizes are known before writing, so nothing moves afterwards.
enum Protobuf {
  static func sizeOfVarint(_ value: UInt64) -> Int { (64 - (value | 1).leadingZeroBitCount + 6) / 7 }

  /// The size of a length-delimited field, tag and length included. All our field numbers are below 16: one byte.
  static func sizeOfField(_ length: Int) -> Int { 1 + sizeOfVarint(UInt64(length)) + length }
}

extension ByteBuffer {
  mutating func writeProtobufVarint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      writeInteger(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    writeInteger(UInt8(value))
  }

  mutating func writeProtobufVarint(field: Int, _ value: UInt64) {
    writeInteger(UInt8(field << 3))
    writeProtobufVarint(value)
  }

  /// The tag and length of a length-delimited field, whose content the caller writes next.
  mutating func writeProtobufHead(field: Int, length: Int) {
    writeInteger(UInt8(field << 3 | 2))
    writeProtobufVarint(UInt64(length))
  }

  mutating func writeProtobufString(field: Int, _ string: String) {
    writeProtobufHead(field: field, length: string.utf8.count)
    writeString(string)
  }

  mutating func writeProtobufBytes(field: Int, _ bytes: ByteBuffer) {
    writeProtobufHead(field: field, length: bytes.readableBytes)
    writeImmutableBuffer(bytes)
  }
}
