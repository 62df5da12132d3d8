// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

// Replies to headers.

extension EnvoyFilterState {
  mutating func headersReply(
    _ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse
  ) throws(ExchangeFailure) {
    guard self[direction].awaited == .headers else { throw spurious("\(direction)_headers") }
    let replaces = common.status == .continueAndReplace
    if common.hasHeaderMutation { try mutateHeaders(direction, common.headerMutation, replacesMessage: replaces) }
    clearRouteCache(direction, common)
    if common.hasTrailers { warn("trailers in a reply were ignored: Envoy does not implement them") }
    if replaces { return replaceMessage(direction, common) }
    if common.hasBodyMutation {
      warn("body_mutation in a reply to headers was ignored: it needs the status CONTINUE_AND_REPLACE")
    }
    self[direction].finishWaiting(for: self[direction].awaitedAfterHeaders)
    goOnAfterHeaders(direction)
  }

  private mutating func goOnAfterHeaders(_ direction: Direction) {
    let half = self[direction]
    if half.endsWithHeaders { return proceed(direction) }
    switch half.bodyMode {
    case .buffered, .bufferedPartial: bodyArrives(direction)  // The headers stay, for the body's reply may change them.
    case .streamed where half.bodyHasArrived, .fullDuplexStreamed where half.bodyHasArrived: break
    case .streamed, .fullDuplexStreamed:
      self[direction].passHeaders()
      bodyArrives(direction)
    default:
      proceed(direction)
      bodyArrives(direction)
    }
  }

  private mutating func replaceMessage(_ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse) {
    self[direction].finishWaiting()
    if common.hasBodyMutation {
      self[direction].headers.remove("content-length")
      self[direction].bodyIsReplaced = true
      self[direction].buffer = changed(ByteBuffer(), by: common.bodyMutation)
    }
    let queued = self[direction].dequeueAll()
    self[direction].bodyMode = .none
    self[direction].sendsTrailers = false
    if !self[direction].bodyIsReplaced { self[direction].passBody(queued.bytes) }
    proceed(direction)
    bodyArrives(direction)
  }

  /// Applies a mutation to headers that have not passed.
  mutating func mutateHeaders(
    _ direction: Direction, _ mutation: Envoy_Service_ExtProc_V3_HeaderMutation, replacesMessage: Bool = false
  ) throws(ExchangeFailure) {
    var mutator = HeaderMutator(rules: filter.mutationRules, dropsContentLength: self[direction].losesContentLength)
    mutator.replacesMessage = replacesMessage
    defer { exchange.warnings += mutator.warnings }
    try mutator.apply(mutation, to: &self[direction].headers)
  }

  mutating func trailersReply(
    _ direction: Direction, _ reply: Envoy_Service_ExtProc_V3_TrailersResponse
  ) throws(ExchangeFailure) {
    guard self[direction].awaited == .trailers || self[direction].bodyMode == .fullDuplexStreamed else {
      throw spurious("\(direction)_trailers")
    }
    self[direction].awaited = .trailers
    if reply.hasHeaderMutation, var trailers = self[direction].trailers {
      var mutator = HeaderMutator(rules: filter.mutationRules)
      defer { exchange.warnings += mutator.warnings }
      try mutator.apply(reply.headerMutation, to: &trailers)
      self[direction].trailers = trailers
    } else if reply.hasHeaderMutation {
      warn("header_mutation in a reply to trailers was ignored: there are no trailers")
    }
    self[direction].finishWaiting()
    self[direction].isComplete = true
    proceed(direction)
  }
}

extension ExchangeHalf {
  /// What was sent before the reply to the headers, and waits for replies now.
  fileprivate var awaitedAfterHeaders: Awaited {
    switch bodyMode {
    case .streamed: queue.isEmpty ? .nothing : .streamedBody
    case .fullDuplexStreamed where bodyWasSent: .streamedBody
    case .fullDuplexStreamed: trailersWereSent ? .trailers : .nothing
    default: .nothing
    }
  }
}
