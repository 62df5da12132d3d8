// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
package import Callouts
internal import NIOCore

extension ProcessCall: CalloutStreamSink {
  package func send(_ reply: HeadersReply, _ direction: Direction) throws {
    try checkOpen()
    guard let request = bodies?[direction].stream?.headers, let phase = request.phase else {
      guard reply.changesNothing else {
        throw CalloutError(
          .illegalReply, "the proxy does not send the \(direction)'s headers, so they stay as they are")
      }
      return
    }
    try send(.headers(phase, reply), to: request)
  }

  package func send(_ body: StreamedBody, _ direction: Direction) {
    guard ending == nil, !state.isObserved, !isAnsweredForGood else { return }
    state.send(body, direction) { call.send($0) }
  }

  package func send(_ reply: TrailersReply, _ direction: Direction) throws {
    try checkOpen()
    guard let request = bodies?[direction].stream?.trailers, let phase = request.phase else { return }
    try send(.trailers(phase, reply), to: request)
  }

  package func send(_ response: ImmediateResponse) throws {
    try checkOpen()
    guard !state.isObserved else { return }
    try state.answer(with: response) { call.send($0) }
    isAnsweredForGood = true
  }

  package func send(_ part: StreamedImmediateResponse.Part) throws {
    try checkOpen()
    guard !state.isObserved else { return }
    isAnsweredForGood = true
    try state.send(part) { call.send($0) }
  }

  package func waitForRoom(_ direction: Direction) async throws {
    try checkOpen()
    while state.isWaitingForWindow || call.isOutboundFull {
      let bodies = bodies ?? BodyHandlers(service.configuration)
      self.bodies = bodies
      call.whenDrained = { bodies.roomMayHaveCome() }
      await withUnsafeContinuation { continuation in
        bodies.waitingForRoom.append(continuation)
        observer?.hooksAreQuiet()
      }
      try checkOpen()
    }
  }

  package func consumed(_ count: Int, _ direction: Direction) {
    guard ending == nil else { return }
    if state.hasFlowControl {
      state.consumed(count, direction)
      if state.hasFlowControlWork { sendFlowControl() }
    }
    if bodies?.isHeldBack == true, bodies?.isFull == false { takeMore() }
  }

  package func isWaitingForInput() { observer?.hooksAreQuiet() }

  /// Takes messages that were held back; not now, for a hook is at work, and what arrives may wake it.
  func takeMore() {
    call.eventLoop.execute {
      guard self.ending == nil, !self.isRunning else { return }
      self.resume()
      self.call.tasks.runReady()
    }
  }

  private func checkOpen() throws {
    guard ending == nil else { throw CancellationError() }
  }
}

extension ProcessCall: CalloutStream {
  package var callMetadata: [(name: String, value: String)] { call.metadata }

  package func overrideMessageTimeout(_ timeout: Duration) {
    if call.eventLoop.inEventLoop {
      extendTimeout(timeout)
    } else {
      call.eventLoop.execute { self.extendTimeout(timeout) }
    }
  }
}
