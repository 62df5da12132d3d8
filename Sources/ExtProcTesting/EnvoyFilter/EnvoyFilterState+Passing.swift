// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

// What leaves the filter, towards the upstream or the client, and how the exchange ends or goes on without the callout.

extension EnvoyFilterState {
  mutating func pass(_ direction: Direction, _ bytes: ByteBuffer, isLast: Bool) {
    self[direction].passBody(bytes)
    if isLast { end(direction) }
  }

  /// Lets pass what is held, and ends the half where all of it has come.
  mutating func proceed(_ direction: Direction) {
    self[direction].passHeaders()
    if let buffer = self[direction].buffer {
      self[direction].passBody(buffer)
      self[direction].buffer = nil
    }
    if self[direction].isComplete { end(direction) }
  }

  mutating func end(_ direction: Direction) {
    guard !self[direction].hasEnded else { return }
    if let trailers = self[direction].trailers { self[direction].passTrailers(trailers) }
    self[direction].passHeaders()
    self[direction].hasEnded = true
    let half = self[direction]
    let hasBody = !half.endsWithHeaders || half.bodyIsReplaced
    switch direction {
    case .request:
      let message = HTTPRequest(
        section: half.headers, body: half.passedBody, hasBody: hasBody, trailers: half.passedTrailers)
      exchange.upstreamRequest = message
      effects.append(.askUpstream(message))
    case .response:
      exchange.response = HTTPResponse(
        section: half.headers, body: half.passedBody, hasBody: hasBody, trailers: half.passedTrailers)
      if filter.observabilityMode { effects.append(.closeStream) } else { closeStream() }
    }
  }

  /// Ends the exchange with a response that did not come from the upstream.
  mutating func endLocally(_ local: HTTPResponse, details: String) {
    closeStream()
    exchange.response = local
    exchange.responseCodeDetails = String(details.map { $0 == " " ? "_" : $0 })
    response.hasEnded = true
  }

  /// The callout has nothing to say any more.
  mutating func closeStream() {
    guard !isDone else { return }
    isDone = true
    request.finishWaiting()
    response.finishWaiting()
    effects.append(.closeStream)
  }

  mutating func streamEnded(_ status: GRPCStatus) {
    streamIsOpen = false
    guard !isDone, !filter.observabilityMode else { return }
    if status.code != .ok { return fail(.stream(status)) }
    if let awaitedPart {
      warn("the stream ended with OK while Envoy waited for \(awaitedPart): the exchange goes on without the callout")
    }
    goOn()
  }

  mutating func fail(_ failure: ExchangeFailure) {
    var failure = failure
    if failure.canBeAllowed, filter.failureModeAllow, request.canGoOn, response.canGoOn, !localResponseHasStarted {
      failure.status = nil
      exchange.allowedFailure = failure
      return goOn()
    }
    closeStream()
    if failure.status == 500 { failure.status = filter.statusOnError }
    if response.headersHavePassed || localResponseHasStarted { failure.status = nil }
    self.failure = failure
  }

  /// Goes on without the callout, with what the filter still has.
  private mutating func goOn() {
    closeStream()
    for direction in Direction.allCases where self[direction].hasBegun && !self[direction].hasEnded {
      if self[direction].bodyMode == .fullDuplexStreamed, self[direction].bodyWasSent {
        warn("what the callout has of the \(direction)'s body is lost: in full duplex Envoy keeps no copy")
      }
      self[direction].passBody(self[direction].dequeueAll().bytes)
      proceed(direction)
      bodyArrives(direction)
    }
  }

  mutating func warn(_ sentence: String) { exchange.warnings.append(sentence) }
}

extension ExchangeHalf {
  /// Nothing is lost when the exchange goes on without the callout.
  fileprivate var canGoOn: Bool { bodyMode != .fullDuplexStreamed || !bodyWasSent }
}
