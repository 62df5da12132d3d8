// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import Logging

extension ProcessCall {
  /// Takes a request of a direction that the callout handles as a stream.
  func handleStream(_ request: ProcessingRequest, _ phase: Phase, _ bodies: BodyHandlers) throws {
    if bodies[phase.direction].stream == nil {
      do throws(CalloutError) {
        try begin(request, phase, bodies)
      } catch {
        return fail(request, error)
      }
    }
    guard let stream = bodies[phase.direction].stream, stream.isRunning else { return }
    if phase.isBody {
      stream.incoming.receive(try request.body())
      if bodies.isFull {
        bodies.isHeldBack = true
        call.pause()
      }
    } else if phase.isTrailers {
      stream.trailers = request
      stream.incoming.receive(trailers: try request.headers())
    }
  }

  private func begin(
    _ request: ProcessingRequest, _ phase: Phase, _ bodies: BodyHandlers
  ) throws(CalloutError) {
    let direction = phase.direction
    let headers = phase.isHeaders ? try request.headers() : nil
    try checkMode(of: direction, isWithoutBody: headers?.endOfStream == true)
    let incoming = IncomingMessage(direction, headers: headers, mode: state.mode(of: direction), sink: self)
    let stream = MessageStream(incoming, OutgoingMessage(answering: incoming, sink: self), first: request)
    bodies[direction].stream = stream
    stream.task = Task.immediate(executorPreference: call.tasks) { await self.runStream(direction) }
    // It may have come to its end already.
    if !stream.isRunning { stream.task = nil }
  }

  private func checkMode(of direction: Direction, isWithoutBody: Bool) throws(CalloutError) {
    guard !state.isObserved, !isWithoutBody, !state.isDuplex(direction) else { return }
    let mode = state.mode(of: direction).map { "\($0)" } ?? "one that it does not tell"
    throw CalloutError(
      .unsuitableBodyMode,
      "the \(direction)'s body is handled as a stream, for which Envoy's filter must send it as FULL_DUPLEX_STREAMED; "
        + "its mode is \(mode)")
  }

  private func runStream(_ direction: Direction) async {
    guard let stream = bodies?[direction].stream else { return }
    do {
      try await service.server.handle(stream.incoming, stream.outgoing, context: context) { passes($0, stream) }
      hookEnded(stream, nil)
    } catch {
      hookEnded(stream, error)
    }
    runReady()
  }

  /// Whether the policy lets the message pass; then the failure is told here.
  private func passes(_ error: any Error, _ stream: MessageStream) -> Bool {
    let phase = stream.phase
    guard ending == nil, !(error is Denial), case .passThrough = service.configuration.failurePolicy[phase] else {
      return false
    }
    service.metrics?.failed(phase)
    context.logger.error("callout failed", metadata: ["phase": "\(phase)", "error": "\(error)"])
    return true
  }

  private func hookEnded(_ stream: MessageStream, _ error: (any Error)?) {
    stream.isRunning = false
    stream.task = nil
    guard ending == nil else {
      if !isBusy { hooksHaveEnded() }
      return
    }
    if let error { fail(stream, error) }
    call.markAnswered()
    finishIfDone()
    if bodies?.isHeldBack == true { takeMore() }
    observer?.hooksAreQuiet()
  }

  private func fail(_ stream: MessageStream, _ error: any Error) {
    if error is Denial { return fail(stream.first, error) }
    service.metrics?.failed(stream.phase)
    switch service.configuration.failurePolicy[stream.phase] {
    // Part of it is gone, so that it cannot pass.
    case .failStream, .passThrough: fail(stream.first, error, .failStream)
    case .immediate(let response): fail(stream.first, error, .immediate(response))
    }
  }
}

extension MessageStream {
  /// How far it is, for the policy that applies.
  fileprivate var phase: Phase {
    switch incoming.direction {
    case .request: outgoing.isUntouched ? .requestHeaders : .requestBody
    case .response: outgoing.isUntouched ? .responseHeaders : .responseBody
    }
  }
}
