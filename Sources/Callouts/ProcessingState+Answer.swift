// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
package import NIOCore
internal import SwiftProtobuf

extension ProcessingState {
  /// Puts a response in the form that the mode in force needs, and hands out each message to be sent.
  ///
  /// - Parameter send: called for each message, in order, with a function that writes its bytes.
  /// - Throws: `CalloutError` where Envoy would refuse the response; then nothing was handed out.
  package mutating func answer(
    _ message: ProcessingRequest, with response: consuming ProcessingResponse,
    send: ((inout ByteBuffer) -> Void) -> Void
  ) throws(CalloutError) {
    guard let phase = message.phase else { return }
    guard response.phase == nil || response.phase == phase else {
      throw .illegal("it is about \(response.phase!), but \(phase) was asked")
    }
    switch (consume response).content {
    case .headers(let reply): try answerHeaders(phase, with: reply, send)
    case .trailers(let reply): try answerTrailers(phase, with: reply, send)
    case .immediate(let immediate, let attachments): try answer(with: immediate, attachments, send)
    case .body(let reply): try answerBody(try message.body(), message, phase, with: reply, send)
    case .streamed: try checkStreamed(phase)
    case .message(let complete):
      let bytes = try complete.checkedBytes(phase, self[phase.direction].mode)
      if complete.hasModeOverride, phase.isHeaders { follow(complete.modeOverride) }
      sendInOrder(phase.direction, { $0.writeBytes(bytes) }, send)
    }
  }

  private mutating func answerHeaders(
    _ phase: Phase, with reply: HeadersReply, _ send: SendMessage
  ) throws(CalloutError) {
    try reply.headerMutation.check()
    warn(of: reply, phase)
    guard reply.attachments.isEmpty else { return try sendWithAttachments(phase, reply, send) }
    send { reply.write(phase, to: &$0) }
  }

  private mutating func answerTrailers(
    _ phase: Phase, with reply: TrailersReply, _ send: SendMessage
  ) throws(CalloutError) {
    try reply.headerMutation.check()
    warn(of: reply.headerMutation)
    sendInOrder(
      phase.direction,
      { buffer in
        reply.write(phase, to: &buffer)
        if !reply.attachments.isEmpty { buffer.write(reply.attachments.message(nil)) }
      }, send)
  }

  package mutating func answer(
    with immediate: ImmediateResponse, _ attachments: ReplyAttachments = ReplyAttachments(), _ send: SendMessage
  ) throws(CalloutError) {
    try immediate.check()
    // What waited for a window is of no use any more.
    request.outbox = []
    response.outbox = []
    send { buffer in
      immediate.write(to: &buffer)
      if !attachments.isEmpty { buffer.write(attachments.message(nil)) }
    }
  }

  /// Sends a piece of body for a callout that handles the direction as a stream.
  package mutating func send(_ body: StreamedBody, _ direction: Direction, _ send: SendMessage) {
    sendStreamed(body, direction == .request ? .requestBody : .responseBody, ReplyAttachments(), send)
  }

  /// Asks the proxy to wait so much longer; the message has nothing else, for the proxy would not read it.
  package func overrideMessageTimeout(_ timeout: Duration, _ send: SendMessage) {
    let (seconds, attoseconds) = timeout.components
    let message = ProcessingResponseMessage.with {
      $0.overrideMessageTimeout = .init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
    }
    send { $0.write(message) }
  }

  /// Sends a part of a streamed immediate response.
  package func send(_ part: StreamedImmediateResponse.Part, _ send: SendMessage) throws(CalloutError) {
    try part.check()
    send { part.write(to: &$0) }
  }

  private func checkStreamed(_ phase: Phase) throws(CalloutError) {
    guard phase == .requestHeaders else {
      throw .illegal("a streamed immediate response can only answer request headers, not \(phase)")
    }
    switch request.mode {
    case nil, .some(.none), .fullDuplexStreamed: break
    case .some(let mode):
      throw .illegal(
        "a streamed immediate response needs the request body mode NONE or FULL_DUPLEX_STREAMED, not \(mode)")
    }
  }

  // MARK: Attachments

  private mutating func sendWithAttachments(
    _ phase: Phase, _ reply: HeadersReply, _ send: SendMessage
  ) throws(CalloutError) {
    var override: ProcessingMode?
    if let wanted = reply.modeOverride, isOverridePossible() {
      override = wanted.message(requestBody: request.mode ?? .none, responseBody: response.mode ?? .none)
    }
    let attachments = reply.attachments.message(override)
    send { buffer in
      reply.write(phase, to: &buffer)
      buffer.write(attachments)
    }
    if let override { follow(override) }
  }

  /// Envoy would ignore an override that it does not expect, and we would go on in the wrong mode: then none is sent.
  private mutating func isOverridePossible() -> Bool {
    switch overriding {
    case _ where !filter.allowModeOverride:
      warnings.append("mode_override was not sent: set allowModeOverride when Envoy's filter has allow_mode_override")
    case .ignoredInFullDuplex:
      warnings.append("mode_override was not sent: Envoy ignores it where its filter has a full duplex body mode")
    case .ignoredWithoutWaiting:
      warnings.append(
        "mode_override was not sent: Envoy ignores it where its filter has send_body_without_waiting_for_header_response"
      )
    case .possible: return true
    }
    return false
  }

  private mutating func follow(_ override: ProcessingMode) {
    guard filter.allowModeOverride, overriding == .possible else { return }
    request.mode = override.requestBodyMode
    response.mode = override.responseBodyMode
  }

  // MARK: Bodies

  private mutating func answerBody(
    _ body: HTTPBody, _ message: ProcessingRequest, _ phase: Phase, with reply: BodyReply, _ send: SendMessage
  ) throws(CalloutError) {
    try reply.headerMutation.check()
    let state = self[phase.direction]
    guard !state.isDuplex else { return answerDuplex(body, phase, with: reply, send) }
    var reply = reply
    if message.isCollected, !state.mayComeWhole, case .proceed = reply.action {
      // Its pieces were taken from the proxy: to let it pass is to give it back.
      reply.action = .replace(body.bytes)
    }
    if case .replace(let bytes) = reply.action, state.needsContentLength(for: body),
      !reply.headerMutation.sets("content-length")
    {
      reply.headerMutation.set("content-length", String(bytes.readableBytes))
    }
    if !reply.headerMutation.isEmpty { warnOfBodyMutation(reply.headerMutation, state.mode) }
    send { buffer in
      reply.write(phase, to: &buffer)
      if !reply.attachments.isEmpty { buffer.write(reply.attachments.message(nil)) }
    }
  }

  private mutating func answerDuplex(
    _ body: HTTPBody, _ phase: Phase, with reply: BodyReply, _ send: SendMessage
  ) {
    if !reply.headerMutation.isEmpty { warnOfBodyMutation(reply.headerMutation, self[phase.direction].mode) }
    // In full duplex what is not sent back is gone, and a reply must fit the proxy's message limit.
    var rest = body.bytes
    if case .replace(let bytes) = reply.action { rest = bytes }
    let isMessage = self[phase.direction].mode == .grpc
    var attachments = reply.attachments
    repeat {
      let length = isMessage ? rest.readableBytes : min(rest.readableBytes, StreamedBody.maxLength)
      let piece = rest.readSlice(length: length)!
      let isLast = rest.readableBytes == 0
      sendStreamed(
        StreamedBody(
          bytes: piece, endOfStream: isLast && body.endOfStream,
          withoutMessage: isLast && body.endOfStreamWithoutMessage, compressed: body.grpcMessageCompressed,
          drainComplete: isLast && body.drainComplete), phase, attachments, send)
      attachments = ReplyAttachments()
    } while rest.readableBytes > 0
  }

  // MARK: Warnings

  private mutating func warn(of reply: HeadersReply, _ phase: Phase) {
    let replacesBody = reply.endsMessage
    warn(of: reply.headerMutation, replacingBody: replacesBody)
    guard reply.clearRouteCache == true else { return }
    if phase == .responseHeaders {
      warnings.append("clear_route_cache is ignored in answer to response headers: the route was taken")
    } else if reply.headerMutation.isEmpty, !replacesBody {
      warnings.append("clear_route_cache is ignored in a reply that changes no header")
    }
  }

  private mutating func warn(of mutation: HeaderMutation, replacingBody: Bool = false) {
    guard mutation.traits.contains(.ruled) else { return }
    warnings += mutation.ignoredChanges(under: filter.mutationRules, replacingBody: replacingBody)
  }

  private mutating func warnOfBodyMutation(_ mutation: HeaderMutation, _ mode: BodySendMode?) {
    switch mode {
    case nil, .buffered, .bufferedPartial: warn(of: mutation)
    case .some(let mode):
      warnings.append("headers changed by the answer to a body are ignored in the mode \(mode): use the headers' hook")
    }
  }
}

extension Phase {
  fileprivate var isHeaders: Bool { self == .requestHeaders || self == .responseHeaders }
}

extension DirectionState {
  /// The proxy itself sends a body in one message.
  fileprivate var mayComeWhole: Bool { mode == .buffered || mode == .bufferedPartial }
}
