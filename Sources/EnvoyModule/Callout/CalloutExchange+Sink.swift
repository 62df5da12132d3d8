// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import NIOCore

extension CalloutExchange: CalloutStreamSink {
  func send(_ reply: HeadersReply, _ direction: Direction) throws {
    try checkOpen()
    switch reply.action {
    case .immediate(let response): return try send(response)
    case .complete: throw CalloutError.illegal("a stream's hook answers headers with a reply, not with a message")
    case .streamed, .proceed, .replace: break
    }
    self[direction].stream?.hasHeaders = true
    if case .streamed = reply.action {
      isAnswered = true
      return
    }
    if let body = try apply(reply, MessagePart.headers.phase(direction)) {
      if setLength(of: body, direction) { self[direction].outgoing.writeImmutableBuffer(body) }
    } else if !self[direction].isWithoutBody {
      prepareForBody(direction)
    }
    releaseInLaterTurn()
  }

  func send(_ body: StreamedBody, _ direction: Direction) {
    guard isOpen, !isAnswered else { return }
    self[direction].outgoing.writeImmutableBuffer(body.bytes)
    releaseInLaterTurn()
  }

  func send(_ reply: TrailersReply, _ direction: Direction) throws {
    try checkOpen()
    try apply(reply, direction)
  }

  func send(_ response: ImmediateResponse) throws {
    try checkOpen()
    try response.check()
    answer(response)
  }

  func send(_ part: StreamedImmediateResponse.Part) throws {
    try checkOpen()
    try part.check()
    switch part {
    case .headers(let status, let headers, let endOfStream):
      sendHeaders(status, HeaderMutation(append: headers).answerHeaders, endOfStream: endOfStream)
    case .body(let bytes, let endOfStream):
      sendData(bytes, endOfStream: endOfStream)
    case .trailers(let trailers): sendTrailers(HeaderMutation(append: trailers).answerHeaders)
    }
  }

  func waitForRoom(_ direction: Direction) async throws {
    try checkOpen()
    if isAnswered {
      await waitForClient()
    } else if let stream = self[direction].stream {
      // Envoy takes nothing behind the end, and nothing while the hook leaves pieces with it: only the hook's going on
      // brings that about.
      while isOpen, !isAnswered, self[direction].outgoing.readableBytes >= MessageStream.mostOutgoing,
        !self[direction].hasEnded, !stream.isFull
      { await stream.waitForRoom() }
    }
    try checkOpen()
  }

  func isWaitingForInput() {}

  func consumed(_ count: Int, _ direction: Direction) {
    guard isOpen, let stream = self[direction].stream, stream.isFull, !stream.isToBeFed,
      stream.incoming.bufferedBytes < MessageStream.mostBuffered
    else { return }
    stream.isToBeFed = true
    inLaterTurn { if self.isOpen { self.feedMore(stream) } }
  }

  private func checkOpen() throws {
    guard isOpen else { throw CancellationError() }
  }

  /// What a hook sends outside of Envoy's hooks goes on as soon as the hook waits.
  private func releaseInLaterTurn() {
    guard hook == nil else { return }
    inLaterTurn { if self.isOpen { self.hookEnded() } }
  }

  // MARK: Streamed answers

  /// Answers the client piece by piece, as long as the hook's answer takes.
  func write(_ streamed: StreamedImmediateResponse, _ hookCall: HookCall) throws(CalloutError) {
    guard hookCall.phase == .requestHeaders else {
      throw .illegal("a streamed immediate response can only answer request headers, not \(hookCall.phase)")
    }
    isAnswered = true
    let answering = StreamedAnswer(streamed, self)
    self.answering = answering
    start(answering)
  }

  fileprivate func answered(_ error: (any Error)?) {
    answering = nil
    if let error { failed(error) }
    if !isOpen { hookEndedLate() }
  }

  private func failed(_ error: any Error) {
    guard isOpen else { return }
    context.logger.error("callout failed", metadata: ["phase": "requestHeaders", "error": "\(error)"])
    failure = failure ?? error
    // Part of the answer has gone: Envoy resets the client's stream for another.
    answer(ImmediateResponse(status: 500, body: "", details: "callout_failed"))
  }
}

/// An answer to the client that is being written.
final class StreamedAnswer: StreamWork {
  private let response: StreamedImmediateResponse
  // Kept by the task that does the work.
  private unowned(unsafe) let exchange: CalloutExchange

  init(_ response: StreamedImmediateResponse, _ exchange: CalloutExchange) {
    self.response = response
    self.exchange = exchange
  }

  override func run() async {
    do {
      try await response.send(to: exchange)
      exchange.answered(nil)
    } catch {
      exchange.answered(error)
    }
  }
}
