// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
package import NIOCore

/// What one stream must remember to answer as Envoy demands: the body mode of each direction and how far it is.
///
/// A pure state machine: requests and responses in, bytes or an error out.
package struct ProcessingState: Sendable {
  private var request = DirectionState()
  private var response = DirectionState()

  package init() {}

  /// A full-duplex body is under way: the proxy cannot go on without our part of it.
  package var isMidDuplexBody: Bool { request.isMidDuplexBody || response.isMidDuplexBody }

  /// The body mode of a direction, or nil where the proxy has not told it.
  package func mode(of direction: Direction) -> BodySendMode? { self[direction].mode }

  private subscript(direction: Direction) -> DirectionState {
    get { direction == .request ? request : response }
    set {
      if direction == .request { request = newValue } else { response = newValue }
    }
  }

  /// Takes note of what the proxy sent.
  package mutating func receive(_ message: ProcessingRequest) throws(CalloutError) {
    if let configuration = message.protocolConfiguration {
      request.mode = configuration.requestBodyMode
      response.mode = configuration.responseBodyMode
    }
    guard let phase = message.phase else { return }
    switch phase {
    case .requestHeaders, .responseHeaders:
      // Only a body that is sent whole can leave with a wrong length.
      guard self[phase.direction].mayBeWhole else { return }
      self[phase.direction].hasContentLength = try message.headers().contains("content-length")
    case .requestBody, .responseBody: self[phase.direction].isMidBody = try !message.body().endOfStream
    case .requestTrailers, .responseTrailers: self[phase.direction].isMidBody = false
    }
  }

  /// Puts a response in the form that the mode in force needs, and hands out each message to be sent.
  ///
  /// - Parameter send: called for each message, in order, with a function that writes its bytes.
  /// - Throws: `CalloutError` where Envoy would refuse the response; then nothing was handed out.
  package func answer(
    _ message: ProcessingRequest, with response: ProcessingResponse, send: ((inout ByteBuffer) -> Void) -> Void
  ) throws(CalloutError) {
    guard let phase = message.phase else { return }
    guard response.phase == nil || response.phase == phase else {
      throw .illegal("it is about \(response.phase!), but \(phase) was asked")
    }
    switch response.content {
    case .headers(let reply):
      try reply.check()
      send { reply.write(phase, to: &$0) }
    case .trailers(let reply):
      try reply.check()
      send { reply.write(phase, to: &$0) }
    case .immediate(let immediate):
      try immediate.check()
      send { immediate.write(to: &$0) }
    case .body(let reply):
      try reply.headerMutation.check()
      answerBody(try message.body(), phase, with: reply, send: send)
    case .message(let complete):
      let bytes = try complete.checkedBytes(phase, self[phase.direction].mode)
      send { $0.writeBytes(bytes) }
    }
  }

  private func answerBody(
    _ body: HTTPBody, _ phase: Phase, with reply: BodyReply, send: ((inout ByteBuffer) -> Void) -> Void
  ) {
    let state = self[phase.direction]
    guard state.isDuplex else {
      var mutation = reply.headerMutation
      if case .replace(let bytes) = reply.action, state.needsContentLength(for: body), !mutation.sets("content-length")
      {
        mutation.set("content-length", String(bytes.readableBytes))
      }
      return send { reply.write(phase, mutation: mutation, to: &$0) }
    }
    // In full duplex what is not sent back is gone, and a reply must fit the proxy's message limit.
    var rest = body.bytes
    if case .replace(let bytes) = reply.action { rest = bytes }
    repeat {
      let chunk = rest.readSlice(length: min(rest.readableBytes, Self.maxChunk))!
      let isLast = rest.readableBytes == 0
      send { buffer in
        StreamedBody(
          bytes: chunk, endOfStream: isLast && body.endOfStream,
          withoutMessage: isLast && body.endOfStreamWithoutMessage, compressed: body.grpcMessageCompressed
        ).write(phase, to: &buffer)
      }
    } while rest.readableBytes > 0
  }

  /// Envoy recommends at most 64 KiB in a streamed reply, and Google's load balancers refuse 128 KiB.
  private static let maxChunk = 62 * 1_024
}

private struct DirectionState: Sendable {
  /// The body mode, or nil while the proxy has not told it (Envoy before 1.34 never does).
  var mode: BodySendMode?
  var hasContentLength = false
  var isMidBody = false

  var isDuplex: Bool { mode == .fullDuplexStreamed || mode == .grpc }
  var isMidDuplexBody: Bool { isDuplex && isMidBody }
  var mayBeWhole: Bool { mode == nil || mode == .buffered }

  /// Envoy fails a whole body that is not as long as its content-length says.
  func needsContentLength(for body: HTTPBody) -> Bool {
    hasContentLength && (mode == .buffered || (mode == nil && body.endOfStream))
  }
}

extension HeaderMutation {
  fileprivate func sets(_ name: String) -> Bool {
    settings.contains { $0.name.lowercased() == name }
  }
}
