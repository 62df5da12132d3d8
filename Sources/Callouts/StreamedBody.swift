// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A piece of body sent by itself, which is how bodies go back in full duplex.
///
/// Source: `envoy.service.ext_proc.v3.StreamedBodyResponse`.
package struct StreamedBody: Sendable {
  package var bytes = ByteBuffer()
  var endOfStream = false
  var withoutMessage = false
  var compressed = false
  var drainComplete = false

  /// Envoy recommends at most 64 KiB in a streamed reply, and Google's load balancers refuse 128 KiB.
  package static let maxLength = 62 * 1_024

  // StreamedBodyResponse{body = 1, end_of_stream = 2, end_of_stream_without_message = 3, grpc_message_compressed = 4,
  // drain_complete = 5}

  var wireSize: Int {
    (bytes.readableBytes == 0 ? 0 : Protobuf.sizeOfField(bytes.readableBytes)) + (endOfStream ? 2 : 0)
      + (withoutMessage ? 2 : 0) + (compressed ? 2 : 0) + (drainComplete ? 2 : 0)
  }

  func write(to writer: inout ProtobufWriter) {
    if bytes.readableBytes > 0 { writer.bytes(field: 1, bytes) }
    if endOfStream { writer.varint(field: 2, 1) }
    if withoutMessage { writer.varint(field: 3, 1) }
    if compressed { writer.varint(field: 4, 1) }
    if drainComplete { writer.varint(field: 5, 1) }
  }

  /// Writes ProcessingResponse{<phase>: {response = 1 {body_mutation = 3 {streamed_response = 3}}}}.
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    let size = wireSize
    let mutation = Protobuf.sizeOfField(size)
    let common = Protobuf.sizeOfField(mutation)
    let reply = Protobuf.sizeOfField(common)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: common)
      writer.head(field: 3, length: mutation)
      writer.head(field: 3, length: size)
      write(to: &writer)
    }
  }
}
