// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

// ProcessingResponse's oneof has the field number of the request's, less one.
extension Phase {
  fileprivate var responseField: Int { rawValue - 1 }
}

/// The fields of a CommonResponse that replies use, for HeadersResponse and BodyResponse alike.
private struct CommonResponse {
  var replaces = false
  var mutation = HeaderMutation()
  var body: ByteBuffer?
  var clearRouteCache = false

  var isEmpty: Bool { !replaces && mutation.isEmpty && body == nil && !clearRouteCache }

  /// BodyMutation{body = 1} or, for an empty body, BodyMutation{clear_body = 2}.
  private func bodySize(_ body: ByteBuffer) -> Int {
    body.readableBytes == 0 ? 2 : Protobuf.sizeOfField(body.readableBytes)
  }

  private func size(mutation: Int) -> Int {
    var size = 0
    if replaces { size += 2 }
    if mutation > 0 { size += Protobuf.sizeOfField(mutation) }
    if let body { size += Protobuf.sizeOfField(bodySize(body)) }
    if clearRouteCache { size += 2 }
    return size
  }

  /// Writes ProcessingResponse{<phase>: {response = 1 {status = 1, header_mutation = 2, body_mutation = 3,
  /// clear_route_cache = 5}}}.
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    guard !isEmpty else { return buffer.writeEmptyReply(phase) }
    let mutationSize = mutation.wireSize
    let size = size(mutation: mutationSize)
    let reply = Protobuf.sizeOfField(size)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: size)
      if replaces { writer.varint(field: 1, 1) }
      if mutationSize > 0 {
        writer.head(field: 2, length: mutationSize)
        mutation.write(to: &writer)
      }
      if let body {
        writer.head(field: 3, length: bodySize(body))
        if body.readableBytes == 0 {
          writer.varint(field: 2, 1)
        } else {
          writer.bytes(field: 1, body)
        }
      }
      if clearRouteCache { writer.varint(field: 5, 1) }
    }
  }
}

extension ByteBuffer {
  /// Writes a reply that changes nothing: ProcessingResponse{<phase>: {}}.
  fileprivate mutating func writeEmptyReply(_ phase: Phase) {
    writeProtobuf(size: 2) { $0.head(field: phase.responseField, length: 0) }
  }
}

extension HeadersReply {
  func check() throws(CalloutError) {
    switch action {
    case .proceed(let mutation), .replace(let mutation, _): try mutation.check()
    case .immediate, .complete: break
    }
  }

  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    switch action {
    case .proceed(let mutation):
      CommonResponse(mutation: mutation, clearRouteCache: clearRouteCache).write(phase, to: &buffer)
    case .replace(let mutation, let body):
      CommonResponse(replaces: true, mutation: mutation, body: body, clearRouteCache: clearRouteCache)
        .write(phase, to: &buffer)
    case .immediate, .complete: preconditionFailure("a ProcessingResponse unwraps these when it is made")
    }
  }
}

extension BodyReply {
  func write(_ phase: Phase, mutation: HeaderMutation, to buffer: inout ByteBuffer) {
    var body: ByteBuffer?
    if case .replace(let bytes) = action { body = bytes }
    CommonResponse(mutation: mutation, body: body).write(phase, to: &buffer)
  }
}

extension TrailersReply {
  func check() throws(CalloutError) {
    if case .proceed(let mutation) = action { try mutation.check() }
  }

  /// Writes ProcessingResponse{<phase>: {header_mutation = 1}}.
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    guard case .proceed(let mutation) = action, !mutation.isEmpty else { return buffer.writeEmptyReply(phase) }
    let size = mutation.wireSize
    let reply = Protobuf.sizeOfField(size)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: size)
      mutation.write(to: &writer)
    }
  }
}

/// A piece of body sent back in full duplex.
struct StreamedBody {
  var bytes: ByteBuffer
  var endOfStream: Bool
  var withoutMessage: Bool
  var compressed: Bool

  /// StreamedBodyResponse{body = 1, end_of_stream = 2, end_of_stream_without_message = 3,
  /// grpc_message_compressed = 4}
  private var size: Int {
    (bytes.readableBytes == 0 ? 0 : Protobuf.sizeOfField(bytes.readableBytes)) + (endOfStream ? 2 : 0)
      + (withoutMessage ? 2 : 0) + (compressed ? 2 : 0)
  }

  /// Writes ProcessingResponse{<phase>: {response = 1 {body_mutation = 3 {streamed_response = 3}}}}.
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    let size = size
    let mutation = Protobuf.sizeOfField(size)
    let common = Protobuf.sizeOfField(mutation)
    let reply = Protobuf.sizeOfField(common)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: common)
      writer.head(field: 3, length: mutation)
      writer.head(field: 3, length: size)
      if bytes.readableBytes > 0 { writer.bytes(field: 1, bytes) }
      if endOfStream { writer.varint(field: 2, 1) }
      if withoutMessage { writer.varint(field: 3, 1) }
      if compressed { writer.varint(field: 4, 1) }
    }
  }
}
