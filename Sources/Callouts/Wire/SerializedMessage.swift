// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A received message of which some fields are of interest: each is looked for when it is asked for.
package struct SerializedMessage: Sendable {
  package let bytes: ByteBuffer

  /// Throws where the bytes are no message; what is in its messages is not looked at.
  package init(_ bytes: ByteBuffer) throws(CalloutError) {
    self.bytes = bytes
    try Self.walk(bytes) { _, _ in }
  }

  /// The content of a text, of bytes or of a message, or nil where the field is missing; the last where it comes twice.
  package subscript(field: Int) -> ByteBuffer? {
    var found: ByteBuffer?
    forEach(field) { found = bytes.getSlice(at: bytes.readerIndex + $0.lowerBound, length: $0.count) }
    return found
  }

  /// A text, empty where it is missing.
  package func string(_ field: Int) -> String { self[field].map { String(buffer: $0) } ?? "" }

  /// A number, 0 where it is missing.
  package func number(_ field: Int) -> Int64 {
    var value: UInt64 = 0
    try? Self.walk(bytes) { tag, reader throws(CalloutError) in
      guard tag.field == field, tag.wireType == .varint else { return }
      var reader = reader
      value = try reader.readVarint()
    }
    return Int64(bitPattern: value)
  }

  /// A message, empty where it is missing; one that comes in parts is what they say together, as protobuf has it.
  package func message(_ field: Int) throws(CalloutError) -> SerializedMessage {
    var parts: [Range<Int>] = []
    forEach(field) { parts.append($0) }
    if parts.count <= 1 { return try SerializedMessage(self[field] ?? ByteBuffer()) }
    var joined = ByteBuffer()
    bytes.withUnsafeReadableBytes { bytes in for part in parts { joined.writeBytes(bytes[part]) } }
    return try SerializedMessage(joined)
  }

  /// The message with nothing but what this field has, under the same number or another below 16.
  package func only(_ field: Int, as number: Int? = nil) -> ByteBuffer {
    var only = ByteBuffer()
    bytes.withUnsafeReadableBytes { bytes in
      forEach(field) { range in
        only.writeProtobuf(size: Protobuf.sizeOfField(range.count)) {
          $0.bytes(field: number ?? field, UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
      }
    }
    return only
  }

  /// The ranges of a length-delimited field's contents, in order.
  private func forEach(_ field: Int, _ body: (Range<Int>) -> Void) {
    // The bytes were checked when this value was made.
    try? Self.walk(bytes) { tag, reader throws(CalloutError) in
      guard tag.field == field, tag.wireType == .lengthDelimited else { return }
      var reader = reader
      body(try reader.readRange())
    }
  }

  /// Calls `body` with each field's tag and a reader that stands behind it.
  private static func walk(
    _ bytes: ByteBuffer, _ body: (ProtobufReader.Tag, ProtobufReader) throws(CalloutError) -> Void
  ) throws(CalloutError) {
    try bytes.readProtobuf { bytes throws(CalloutError) in
      var reader = ProtobufReader(bytes)
      while let tag = try reader.nextTag() {
        try body(tag, reader)
        try reader.skip(tag)
      }
    }
  }
}

extension HTTPHeaders {
  /// The headers that a message has as the values of a field: HeaderValues, or the entries of a map of texts, which are
  /// written like those.
  package init(_ field: Int, of message: SerializedMessage) throws(CalloutError) {
    // HttpHeaders{headers = 1 HeaderMap{headers = 1}}
    let map = message.only(field, as: 1)
    var section = ByteBuffer()
    section.writeProtobuf(size: Protobuf.sizeOfField(map.readableBytes)) { $0.bytes(field: 1, map) }
    try self.init(section)
  }
}
