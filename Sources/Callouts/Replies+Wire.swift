// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

// ProcessingResponse's oneof has the field number of the request's, less one.
extension Phase {
  var responseField: Int { rawValue - 1 }
}

extension HeadersReply {
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    var response = CommonResponse(
      mutation: headerMutation.serialized.count, clearsRouteCache: clearRouteCache ?? headerMutation.changesRoute(phase)
    )
    switch action {
    case .proceed: break
    case .replace(let body):
      response.replaces = true
      response.body = body
    case .immediate, .streamed, .complete: preconditionFailure("a ProcessingResponse unwraps these when it is made")
    }
    response.write(phase, headerMutation, to: &buffer)
  }
}

extension BodyReply {
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    var response = CommonResponse(
      mutation: headerMutation.serialized.count, clearsRouteCache: clearRouteCache ?? headerMutation.changesRoute(phase)
    )
    if case .replace(let bytes) = action { response.body = bytes }
    response.write(phase, headerMutation, to: &buffer)
  }
}

/// The fields of a CommonResponse that replies use, for HeadersResponse and BodyResponse alike.
private struct CommonResponse {
  /// The size of the serialized HeaderMutation.
  var mutation: Int
  var clearsRouteCache: Bool
  var replaces = false
  var body: ByteBuffer?

  /// BodyMutation{body = 1} or, for an empty body, BodyMutation{clear_body = 2}.
  private func bodySize(_ body: ByteBuffer) -> Int {
    body.readableBytes == 0 ? 2 : Protobuf.sizeOfField(body.readableBytes)
  }

  private var size: Int {
    var size = 0
    if replaces { size += 2 }
    if mutation > 0 { size += Protobuf.sizeOfField(mutation) }
    if let body { size += Protobuf.sizeOfField(bodySize(body)) }
    if clearsRouteCache { size += 2 }
    return size
  }

  /// Writes ProcessingResponse{<phase>: {response = 1 {status = 1, header_mutation = 2, body_mutation = 3,
  /// clear_route_cache = 5}}}.
  func write(_ phase: Phase, _ headerMutation: HeaderMutation, to buffer: inout ByteBuffer) {
    let size = size
    guard size > 0 else { return buffer.writeEmptyReply(phase) }
    let reply = Protobuf.sizeOfField(size)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: size)
      if replaces { writer.varint(field: 1, 1) }
      if mutation > 0 {
        writer.head(field: 2, length: mutation)
        writer.array(headerMutation.serialized)
      }
      if let body {
        writer.head(field: 3, length: bodySize(body))
        if body.readableBytes == 0 {
          writer.varint(field: 2, 1)
        } else {
          writer.bytes(field: 1, body)
        }
      }
      if clearsRouteCache { writer.varint(field: 5, 1) }
    }
  }
}

extension ByteBuffer {
  /// Writes a reply that changes nothing: ProcessingResponse{<phase>: {}}.
  fileprivate mutating func writeEmptyReply(_ phase: Phase) {
    writeProtobuf(size: 2) { $0.head(field: phase.responseField, length: 0) }
  }
}

extension TrailersReply {
  /// Writes ProcessingResponse{<phase>: {header_mutation = 1}}.
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    guard !headerMutation.isEmpty else { return buffer.writeEmptyReply(phase) }
    let size = headerMutation.serialized.count
    let reply = Protobuf.sizeOfField(size)
    buffer.writeProtobuf(size: Protobuf.sizeOfField(reply)) { writer in
      writer.head(field: phase.responseField, length: reply)
      writer.head(field: 1, length: size)
      writer.array(headerMutation.serialized)
    }
  }
}
