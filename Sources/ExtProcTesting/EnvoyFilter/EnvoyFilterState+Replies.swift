// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import SwiftProtobuf

// What a reply does, whatever it answers.

extension EnvoyFilterState {
  mutating func receive(_ reply: ProcessingResponseMessage) {
    if isDone, !filter.observabilityMode { return }
    exchange.replies.append(reply)
    if filter.observabilityMode {
      return warn("a reply was ignored: in observability mode Envoy takes none; send none")
    }
    warnOfUnimplemented(reply)
    if reply.hasOverrideMessageTimeout { return overrideTimeout(reply) }
    if reply.hasModeOverride { overrideMode(reply.modeOverride) }
    let bodyEnded = endsBody(reply)
    do throws(ExchangeFailure) {
      try apply(reply)
      closeStreamAfterLast(reply, bodyEnded: bodyEnded)
    } catch {
      fail(error)
    }
  }

  private mutating func apply(_ reply: ProcessingResponseMessage) throws(ExchangeFailure) {
    guard let part = reply.response else {
      throw .spurious(
        "unhandled message",
        reason: "the reply answers nothing; set one of its responses, that of the phase of the message")
    }
    if localResponseHasStarted, !part.isStreamedImmediateResponse { throw spurious(part.name) }
    takeMetadata(reply)
    switch part {
    case .requestHeaders(let headers): try headersReply(.request, headers.response)
    case .responseHeaders(let headers): try headersReply(.response, headers.response)
    case .requestBody(let body): try bodyReply(.request, body.response)
    case .responseBody(let body): try bodyReply(.response, body.response)
    case .requestTrailers(let trailers): try trailersReply(.request, trailers)
    case .responseTrailers(let trailers): try trailersReply(.response, trailers)
    case .immediateResponse(let immediate): try immediateResponse(immediate)
    case .streamedImmediateResponse(let streamed): try streamedImmediateResponse(streamed)
    }
  }

  func spurious(_ name: String) -> ExchangeFailure {
    let awaited = awaitedPart.map { "waits for a reply to \($0)" } ?? "waits for no reply"
    return .spurious(
      reason: "the reply is \(name), but Envoy \(awaited); reply once to each message, in its own phase")
  }

  private mutating func warnOfUnimplemented(_ reply: ProcessingResponseMessage) {
    if reply.hasServerWindowUpdate { warn("server_window_update was ignored: Envoy does not implement it") }
    if reply.requestDrain { warn("request_drain was ignored: Envoy does not implement it") }
  }

  // MARK: Metadata

  private mutating func takeMetadata(_ reply: ProcessingResponseMessage) {
    for (namespace, value) in reply.dynamicMetadata.fields.sorted(by: { $0.key < $1.key }) {
      guard filter.receivingNamespaces.contains(namespace) else {
        warn("dynamic metadata of \(namespace) was ignored: the filter's receiving_namespaces do not list it")
        continue
      }
      if value.kind?.isStruct != true { warn("dynamic metadata of \(namespace) became empty: it is not a struct") }
      exchange.dynamicMetadata[namespace] = value.structValue
    }
    for (namespace, value) in reply.typedDynamicMetadata.sorted(by: { $0.key < $1.key }) {
      guard filter.typedReceivingNamespaces.contains(namespace) else {
        warn("typed dynamic metadata of \(namespace) was ignored: the filter's receiving_namespaces do not list it")
        continue
      }
      exchange.typedDynamicMetadata[namespace] = value
    }
  }

  mutating func clearRouteCache(_ direction: Direction, _ common: Envoy_Service_ExtProc_V3_CommonResponse) {
    guard direction == .request, common.hasHeaderMutation, filter.routeCacheAction != .retain else {
      if common.clearRouteCache_p {
        warn("clear_route_cache was ignored: it needs a header_mutation in a reply to the request, and no RETAIN")
      }
      return
    }
    if common.clearRouteCache_p || filter.routeCacheAction == .clear { exchange.routeCacheCleared = true }
  }

  // MARK: The end

  private func endsBody(_ reply: ProcessingResponseMessage) -> Bool {
    switch reply.response {
    case .requestBody(let body): request.isEnd(body.response)
    case .responseBody(let body): response.isEnd(body.response)
    default: false
    }
  }

  private mutating func closeStreamAfterLast(_ reply: ProcessingResponseMessage, bodyEnded: Bool) {
    let isLast =
      switch reply.response {
      case .requestHeaders: response.isUnprocessed && request.isFinishedByHeaders
      case .requestBody: response.isUnprocessed && request.isFinishedByBody(bodyEnded)
      case .requestTrailers: response.isUnprocessed
      case .responseHeaders: response.isFinishedByHeaders
      case .responseBody: response.isFinishedByBody(bodyEnded)
      case .responseTrailers: true
      default: false
      }
    if isLast { closeStream() }
  }
}

extension ExchangeHalf {
  fileprivate func isEnd(_ reply: Envoy_Service_ExtProc_V3_CommonResponse) -> Bool {
    switch bodyMode {
    case .streamed: queue.first?.isLast ?? false
    case .fullDuplexStreamed: reply.bodyMutation.streamedResponse.endOfStream
    default: false
    }
  }

  fileprivate var isFinishedByHeaders: Bool {
    guard awaited == .nothing else { return false }
    if endsWithHeaders { return true }
    return bodyMode == .none ? !sendsTrailers || hasEnded : !sendsTrailers && trailers != nil
  }

  fileprivate func isFinishedByBody(_ bodyEnded: Bool) -> Bool {
    awaited == .nothing && (bodyEnded || !sendsTrailers && comingTrailers != nil)
  }
}
