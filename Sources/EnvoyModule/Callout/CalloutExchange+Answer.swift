// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

extension CalloutExchange {
  /// Does what a hook answered.
  ///
  /// Throws a `CalloutError` where Envoy's ext_proc would refuse it, or a filter cannot do it; then nothing is done.
  func apply(_ response: consuming ProcessingResponse, _ hookCall: HookCall) throws(CalloutError) {
    response = try (consume response).asReply(to: hookCall.phase)
    if let phase = response.phase, phase != hookCall.phase {
      throw .illegal("it is about \(phase), but \(hookCall.phase) was asked")
    }
    switch (consume response).content {
    case .headers(let reply): try apply(reply, hookCall)
    case .body(let reply): try apply(reply, hookCall)
    case .trailers(let reply): try apply(reply, hookCall.phase.direction)
    case .immediate(let immediate, let attachments):
      try immediate.check()
      try apply(attachments)
      answer(immediate)
    case .streamed(let streamed): try write(streamed, hookCall)
    case .message: preconditionFailure("a message has become a reply")
    }
  }

  private func apply(_ reply: consuming HeadersReply, _ hookCall: HookCall) throws(CalloutError) {
    if let body = try apply(reply, hookCall.phase) {
      replaceBody(body, hookCall.phase.direction)
    } else {
      prepareForBody(hookCall.phase.direction)
    }
  }

  /// Changes headers; returns the body that is to take the place of the one that arrives.
  func apply(_ reply: HeadersReply, _ phase: Phase) throws(CalloutError) -> ByteBuffer? {
    let direction = phase.direction
    var body: ByteBuffer?
    if case .replace(let bytes) = reply.action { body = bytes }
    let mutation = try taken(reply.headerMutation, replacingBody: body != nil)
    try apply(reply.attachments)
    change(mutation, HeaderKind(headersOf: direction))
    clearRouteCache(reply.clearRouteCache ?? reply.headerMutation.changesRoute(phase), direction)
    return body
  }

  func apply(_ reply: TrailersReply, _ direction: Direction) throws(CalloutError) {
    let mutation = try taken(reply.headerMutation)
    try apply(reply.attachments)
    change(mutation, HeaderKind(trailersOf: direction))
  }

  private func apply(_ reply: BodyReply, _ hookCall: HookCall) throws(CalloutError) {
    let direction = hookCall.phase.direction
    let isWhole = self[direction].delivery == .whole
    var mutation = try taken(reply.headerMutation)
    try apply(reply.attachments)
    if !isWhole, !mutation.isEmpty {
      filter.warn(["headers changed by the answer to a piece of a body are ignored: use the headers' hook"])
      mutation = HeaderMutation()
    }
    if case .replace(let bytes) = reply.action {
      replacePiece(bytes, hookCall, direction)
      if isWhole { setLength(bytes.readableBytes, &mutation, direction) }
    } else if !hookCall.isInEnvoy, let body = try? hookCall.request.body() {
      self[direction].outgoing.writeImmutableBuffer(body.bytes)
    }
    change(mutation, HeaderKind(headersOf: direction))
    clearRouteCache(reply.clearRouteCache ?? mutation.changesRoute(hookCall.phase), direction)
  }

  private func replacePiece(_ bytes: ByteBuffer, _ hookCall: HookCall, _ direction: Direction) {
    guard hookCall.isInEnvoy else {
      self[direction].outgoing.writeImmutableBuffer(bytes)
      return
    }
    if self[direction].isHeld { envoy.drainBody(.buffered(direction)) }
    if hook == direction { envoy.drainBody(.received(direction)) }
    put(bytes, direction)
  }

  /// A body that says how long it is has to say it anew.
  private func setLength(_ length: Int, _ mutation: inout HeaderMutation, _ direction: Direction) {
    guard envoy.header("content-length", HeaderKind(headersOf: direction)) != nil, !mutation.sets("content-length")
    else { return }
    mutation.set("content-length", "\(length)")
  }

  /// The changes that the callout's mutation rules allow, as in Envoy's ext_proc.
  private func taken(
    _ mutation: HeaderMutation, replacingBody: Bool = false
  ) throws(CalloutError) -> HeaderMutation {
    try mutation.check()
    let (taken, ignored) = mutation.taken(under: filter.configuration.mutationRules, replacingBody: replacingBody)
    if !ignored.isEmpty { filter.warn(ignored) }
    return taken
  }

  private func change(_ mutation: HeaderMutation, _ kind: HeaderKind) {
    guard let empty = envoy.apply(mutation, kind) else { return }
    filter.warn([
      "header '\(empty)' gets no empty value, and loses one that is replaced: Envoy gives a module no means to"
    ])
  }

  private func clearRouteCache(_ clears: Bool, _ direction: Direction) {
    guard clears else { return }
    if direction == .request {
      envoy.clearRouteCache()
    } else {
      filter.warn(["clear_route_cache is ignored in answer to a response: the route was taken"])
    }
  }

  // MARK: To the client

  /// Answers the client at once.
  func answer(_ immediate: ImmediateResponse) {
    isAnswered = true
    var headers = immediate.headers.answerHeaders
    if let status = immediate.grpcStatus, isGRPC { headers.append(("grpc-status", Array("\(status)".utf8))) }
    envoy.sendResponse(immediate.status, headers, immediate.body, details: immediate.details)
  }

  /// Gives the client the response that Envoy has, as an answer of ours.
  func answerAnew() {
    isAnswered = true
    let headers = envoy.withHeaders(.responseHeaders) { headers -> AnswerHeaders in
      headers.map { (String(decoding: $0.name, as: UTF8.self), Array($0.value)) }
    }
    var body = ByteBuffer()
    for chunk in envoy.body(.bufferedResponse) { body.writeBytes(chunk) }
    let status = envoy.status
    let others = headers.filter { !$0.name.hasPrefix(":") && $0.name != "content-length" }
    envoy.sendResponse(status, others, body, details: "response_after_callout")
  }

  private var isGRPC: Bool {
    envoy.header("content-type", .requestHeaders)?.hasPrefix("application/grpc") == true
  }
}

extension HeaderMutation {
  /// The headers of an answer that has none before.
  var answerHeaders: AnswerHeaders {
    var headers: AnswerHeaders = []
    for case .set(let name, let value, let action) in changes {
      let name = name.lowercased()
      let isThere = headers.contains { $0.name == name }
      switch action {
      case .overwriteIfExists where !isThere, .addIfAbsent where isThere: continue
      case .overwrite, .overwriteIfExists: headers.removeAll { $0.name == name }
      case .append, .addIfAbsent: break
      }
      headers.append((name, value))
    }
    return headers
  }
}
