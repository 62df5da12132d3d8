// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

// ProcessingResponse's oneof has the field number of the request's, less one.
extension Phase {
  var responseField: Int { rawValue - 1 }
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
    case .immediate, .streamed, .complete: break
    }
  }

  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    switch action {
    case .proceed(let mutation):
      let clears = clearRouteCache ?? mutation.changesRoute(phase)
      CommonResponse(mutation: mutation, clearRouteCache: clears).write(phase, to: &buffer)
    case .replace(let mutation, let body):
      let clears = clearRouteCache ?? mutation.changesRoute(phase)
      CommonResponse(replaces: true, mutation: mutation, body: body, clearRouteCache: clears)
        .write(phase, to: &buffer)
    case .immediate, .streamed, .complete: preconditionFailure("a ProcessingResponse unwraps these when it is made")
    }
  }
}

extension BodyReply {
  func write(_ phase: Phase, to buffer: inout ByteBuffer) {
    var body: ByteBuffer?
    if case .replace(let bytes) = action { body = bytes }
    let clears = clearRouteCache ?? headerMutation.changesRoute(phase)
    CommonResponse(mutation: headerMutation, body: body, clearRouteCache: clears).write(phase, to: &buffer)
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
