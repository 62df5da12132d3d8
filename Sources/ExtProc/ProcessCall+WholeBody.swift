// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import NIOCore

extension ProcessCall {
  /// Takes a request of a direction whose body is collected, counted or handled as a stream.
  func handle(_ request: ProcessingRequest, _ phase: Phase) throws {
    let bodies = bodies ?? BodyHandlers(service.configuration)
    self.bodies = bodies
    if service.configuration.body(of: phase.direction).delivery == .stream {
      try handleStream(request, phase, bodies)
    } else if phase.isBody {
      try collect(request, phase, bodies)
    } else if phase.isTrailers, bodies[phase.direction].collector.isCollecting {
      try completeBody(before: request, phase, bodies)
    } else {
      begin(request)
    }
  }

  private func collect(
    _ request: ProcessingRequest, _ phase: Phase, _ bodies: BodyHandlers
  ) throws(CalloutError) {
    let piece = try request.body()
    let direction = phase.direction
    switch bodies[direction].collector.receive(piece, state.mode(of: direction)) {
    case .collect:
      try hold(request, phase, bodies)
      state.consumed(piece.bytes.readableBytes, direction)
      if state.hasFlowControlWork { sendFlowControl() }
    case .deliver(nil): begin(request)
    case .deliver(let body?):
      try release(direction, bodies)
      state.consumed(piece.bytes.readableBytes, direction)
      begin(request.completing(body))
    case .reject:
      service.metrics?.overLimit(phase)
      let response = service.configuration.body(of: direction).overLimit.response(direction)
      try send(.immediate(response), to: request)
    case .giveBack(let body):
      service.metrics?.overLimit(phase)
      try release(direction, bodies)
      try send(.continue(phase), to: request.completing(body))
    case .pass: try send(.continue(phase), to: request)
    }
    call.markAnswered()
  }

  /// Trailers show that the body is complete: its hook comes first, then theirs.
  private func completeBody(
    before trailers: ProcessingRequest, _ phase: Phase, _ bodies: BodyHandlers
  ) throws(CalloutError) {
    let direction = phase.direction
    guard let held = bodies[direction].takeHeld() else { return begin(trailers) }
    let body = bodies[direction].collector.takeBody(endingWith: try held.body())
    next = trailers
    begin(held.completing(body))
  }

  /// Keeps the answer to a piece until the next shows that it is not the last.
  private func hold(
    _ request: ProcessingRequest, _ phase: Phase, _ bodies: BodyHandlers
  ) throws(CalloutError) {
    try release(phase.direction, bodies)
    bodies[phase.direction].held = request
    guard state.hasMessageTimeout(phase.direction) else { return }
    let bound = NIOLoopBound(self, eventLoop: call.eventLoop)
    bodies[phase.direction].patience = call.eventLoop.scheduleTask(in: longestHold) {
      if let bodies = bound.value.bodies { bound.value.bodyPaused(phase.direction, bodies) }
    }
  }

  /// Whether more follows must have been known by now: Envoy waits no longer, and tells of trailers only afterwards.
  private func bodyPaused(_ direction: Direction, _ bodies: BodyHandlers) {
    guard let held = bodies[direction].takeHeld(), let piece = try? held.body() else { return }
    let body = bodies[direction].collector.giveBack(endingWith: piece)
    let error = CalloutError(
      .unsuitableBodyMode,
      "the \(direction)'s body paused, or ended in trailers, before it was whole: have Envoy's filter send it as "
        + "BUFFERED or FULL_DUPLEX_STREAMED")
    fail(held.completing(body), error)
  }

  /// Answers the piece that was held: it is taken, for what was collected goes back in another's place.
  private func release(_ direction: Direction, _ bodies: BodyHandlers) throws(CalloutError) {
    guard let held = bodies[direction].takeHeld(), let phase = held.phase, !state.isDuplex(direction) else { return }
    try send(.body(phase, .clear), to: held)
  }

  /// Long enough to see what follows, and before Envoy gives up.
  private var longestHold: TimeAmount { TimeAmount(service.configuration.messageTimeout / 2) }
}

extension Phase {
  var isHeaders: Bool { self == .requestHeaders || self == .responseHeaders }
  var isBody: Bool { self == .requestBody || self == .responseBody }
  var isTrailers: Bool { self == .requestTrailers || self == .responseTrailers }
}
