// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

// Replies to bodies.

extension EnvoyFilterState {
  mutating func bodyReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) {
    var isLast = true
    switch self[direction].awaited {
    case .bufferedBody: try bufferedReply(direction, common)
    case .partialBody: try partialReply(direction, common)
    case .streamedBody: isLast = try streamedReply(direction, common)
    case .nothing, .headers, .trailers: throw spurious("\(direction)_body")
    }
    guard failure == nil else { return }
    clearRouteCache(direction, common)
    goOnAfterBody(direction, isLast: isLast)
  }

  private mutating func goOnAfterBody(_ direction: Direction, isLast: Bool) {
    let half = self[direction]
    let trailers = half.queue.isEmpty ? half.trailers : nil
    if half.sendsTrailers, let trailers {
      self[direction].headersCanChange = false
      sendTrailers(direction, trailers)
    } else if isLast || trailers != nil {
      proceed(direction)
    }
  }

  // MARK: BUFFERED and BUFFERED_PARTIAL

  private mutating func bufferedReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) {
    try mutateHeldHeaders(direction, common)
    if common.hasBodyMutation {
      try checkContentLength(direction, common.bodyMutation)
      self[direction].buffer = changed(self[direction].buffer ?? ByteBuffer(), by: common.bodyMutation)
    }
    self[direction].finishWaiting()
  }

  private mutating func partialReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) {
    var sent = self[direction].queue.removeFirst()
    try mutateHeldHeaders(direction, common)
    if common.hasBodyMutation { sent.bytes = changed(sent.bytes, by: common.bodyMutation) }
    self[direction].partialBodyIsDone = true
    self[direction].finishWaiting()
    self[direction].passBody(sent.bytes)
    self[direction].passBody(self[direction].dequeueAll().bytes)
  }

  private mutating func mutateHeldHeaders(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) {
    guard common.hasHeaderMutation else { return }
    guard self[direction].headersCanChange else {
      return warn("header_mutation in a reply to the \(direction) body was ignored: the headers have passed")
    }
    try mutateHeaders(direction, common.headerMutation)
  }

  private func checkContentLength(
    _ direction: Direction, _ mutation: Envoy_Service_ExtProc_V3_BodyMutation
  ) throws(ExchangeFailure) {
    let half = self[direction]
    guard half.headersCanChange, let length = half.headers["content-length"].flatMap({ Int($0) }),
      length != mutation.body.count
    else { return }
    throw .refused(
      "mismatch between content length and the length of the mutated body",
      "the new \(direction) body has \(mutation.body.count) bytes, but the header content-length says \(length); set "
        + "content-length in the header_mutation of the same reply")
  }

  // MARK: STREAMED and FULL_DUPLEX_STREAMED

  /// Whether this was the last piece.
  private mutating func streamedReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) -> Bool {
    let isDuplex = self[direction].bodyMode == .fullDuplexStreamed
    if common.hasHeaderMutation {
      warn("header_mutation in a reply to the \(direction) body was ignored: the headers have passed")
    }
    if case .streamedResponse(let streamed) = common.bodyMutation.mutation {
      guard isDuplex else {
        throw .spurious(
          "spurious message: streamed_response is received while body_mode_ is not FULL_DUPLEX_STREAMED",
          reason:
            "streamed_response is for FULL_DUPLEX_STREAMED only; in STREAMED reply with body, clear_body or nothing")
      }
      return duplexReply(direction, streamed)
    }
    guard !isDuplex else {
      throw .spurious(
        "spurious message: Normal body mutation response is received while body_mode_ is FULL_DUPLEX_STREAMED",
        reason: "in FULL_DUPLEX_STREAMED only streamed_response replies to a body, for what stays as it is too")
    }
    return chunkReply(direction, common)
  }

  private mutating func chunkReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) -> Bool {
    var chunk = self[direction].queue.removeFirst()
    if common.hasBodyMutation { chunk.bytes = changed(chunk.bytes, by: common.bodyMutation) }
    self[direction].finishWaiting(for: self[direction].queue.isEmpty ? .nothing : .streamedBody)
    pass(direction, chunk.bytes, isLast: false)
    return chunk.isLast
  }

  private mutating func duplexReply(
    _ direction: Direction, _ streamed: Envoy_Service_ExtProc_V3_StreamedBodyResponse
  ) -> Bool {
    self[direction].finishWaiting(for: streamed.endOfStream ? .nothing : .streamedBody)
    pass(direction, ByteBuffer(bytes: streamed.body), isLast: streamed.endOfStream)
    return streamed.endOfStream
  }

  mutating func changed(_ body: ByteBuffer, by mutation: Envoy_Service_ExtProc_V3_BodyMutation) -> ByteBuffer {
    switch mutation.mutation {
    case .body(let bytes): return ByteBuffer(bytes: bytes)
    case .clearBody_p(true): return ByteBuffer()
    case .clearBody_p(false): warn("clear_body: false was ignored: it changes nothing")
    case .streamedResponse: warn("streamed_response was ignored: it is for FULL_DUPLEX_STREAMED only")
    case nil: warn("an empty body_mutation was ignored")
    }
    return body
  }
}
