// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

/// One question of the proxy, read lazily from the received bytes.
///
/// Source: `envoy.service.network_ext_proc.v3.ProcessingRequest`.
struct NetworkRequest: Sendable {
  /// The direction that the request is about, or nil where it brings no bytes.
  let direction: NetworkDirection?
  let data: NetworkData
  /// The field of the data, tag included: what a response has to hold that lets it pass.
  let field: ByteBuffer
  /// Serialized occurrences of the field `metadata`, tags included.
  let metadataFields: [UInt8]
  /// Serialized occurrences of the field `attributes`, tags included.
  let attributeFields: [UInt8]

  /// Reads a serialized request; throws `CalloutError` where the bytes are none.
  init(serialized: ByteBuffer) throws(CalloutError) {
    var scan = Scan()
    try serialized.readProtobuf { bytes throws(CalloutError) in try scan.read(bytes) }
    direction = scan.direction
    data = NetworkData(bytes: serialized.part(scan.bytes), endOfStream: scan.endOfStream)
    field = serialized.part(scan.field)
    metadataFields = scan.metadataFields
    attributeFields = scan.attributeFields
  }

  private struct Scan: ~Copyable {
    var direction: NetworkDirection?
    var field = 0..<0
    var bytes = 0..<0
    var endOfStream = false
    var metadataFields: [UInt8] = []
    var attributeFields: [UInt8] = []

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(CalloutError) {
      var reader = ProtobufReader(bytes)
      while true {
        let start = reader.offset
        guard let tag = try reader.nextTag() else { return }
        switch (tag.field, tag.wireType) {
        case (1, .lengthDelimited), (2, .lengthDelimited):
          // Fields of bytes cannot be merged, and Envoy never sends two.
          guard direction == nil else { throw .malformed("it has data more than once") }
          direction = tag.field == 1 ? .read : .write
          try readData(bytes, try reader.readRange())
          field = start..<reader.offset
        case (3, .lengthDelimited):
          // Envoy nearly always sends this message empty.
          if try !reader.readRange().isEmpty { metadataFields += bytes[start..<reader.offset] }
        case (4, .lengthDelimited):
          _ = try reader.readRange()
          attributeFields += bytes[start..<reader.offset]
        default: try reader.skip(tag)
        }
      }
    }

    private mutating func readData(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(CalloutError) {
      var reader = ProtobufReader(bytes, range: range)
      while let tag = try reader.nextTag() {
        switch (tag.field, tag.wireType) {
        case (1, .lengthDelimited): self.bytes = try reader.readRange()
        case (2, .varint): endOfStream = try reader.readVarint() != 0
        default: try reader.skip(tag)
        }
      }
    }
  }
}

extension ByteBuffer {
  /// A part of the readable bytes, which is known to be there.
  fileprivate func part(_ range: Range<Int>) -> ByteBuffer {
    getSlice(at: readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
  }
}
