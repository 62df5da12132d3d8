// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// A piece of a body, or the whole of it, as the proxy's body mode has it.
///
/// Source: `envoy.service.ext_proc.v3.HttpBody`.
public struct HTTPBody: Sendable {
  /// The bytes, uncopied from what was received.
  public let bytes: ByteBuffer
  /// This is the last piece. With trailers to follow no piece is.
  public let endOfStream: Bool
  /// GRPC mode: the stream ends and these bytes are no message.
  public let endOfStreamWithoutMessage: Bool
  /// GRPC mode: the message is compressed.
  public let grpcMessageCompressed: Bool

  /// No more pieces of this body follow, because the callout asked the proxy to drain.
  public let drainComplete: Bool

  /// The bytes as text, invalid UTF-8 repaired.
  public var string: String { String(buffer: bytes) }

  /// The bytes with a text behind them.
  public func appending(_ text: String) -> ByteBuffer {
    var bytes = bytes
    bytes.writeString(text)
    return bytes
  }

  init(_ message: ByteBuffer) throws(CalloutError) {
    var body = 0..<0
    var flags = (endOfStream: false, withoutMessage: false, compressed: false, drainComplete: false)
    try message.readProtobuf { bytes throws(CalloutError) in
      var reader = ProtobufReader(bytes)
      while let tag = try reader.nextTag() {
        switch (tag.field, tag.wireType) {
        case (1, .lengthDelimited): body = try reader.readRange()
        case (2, .varint): flags.endOfStream = try reader.readVarint() != 0
        case (3, .varint): flags.withoutMessage = try reader.readVarint() != 0
        case (4, .varint): flags.compressed = try reader.readVarint() != 0
        case (5, .varint): flags.drainComplete = try reader.readVarint() != 0
        default: try reader.skip(tag)
        }
      }
    }
    bytes = message.getSlice(at: message.readerIndex + body.lowerBound, length: body.count) ?? ByteBuffer()
    endOfStream = flags.endOfStream
    endOfStreamWithoutMessage = flags.withoutMessage
    grpcMessageCompressed = flags.compressed
    drainComplete = flags.drainComplete
  }

  /// A body that was collected from pieces, of which this is the last.
  init(_ bytes: ByteBuffer, lastPiece: HTTPBody) {
    self.bytes = bytes
    endOfStream = lastPiece.endOfStream
    endOfStreamWithoutMessage = lastPiece.endOfStreamWithoutMessage
    grpcMessageCompressed = lastPiece.grpcMessageCompressed
    drainComplete = lastPiece.drainComplete
  }
}
