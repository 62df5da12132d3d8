// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

extension CalloutExchange {
  /// The headers of a direction have been answered, or are not asked about.
  func prepareForBody(_ direction: Direction) {
    switch self[direction].delivery {
    // Pieces may become longer or shorter.
    case .chunks, .stream: envoy.remove("content-length", HeaderKind(headersOf: direction))
    case .whole, nil: break
    }
  }

  /// Takes a piece of a body; returns what becomes of it where it cannot go on.
  func bodyArrived(_ direction: Direction) -> DataStatus {
    if self[direction].replacement != nil {
      envoy.drainBody(.received(direction))
      if self[direction].hasEnded { putReplacement(direction) }
      return .wait
    }
    if let stream = self[direction].stream { return pieceArrived(stream) }
    guard let delivery = self[direction].delivery, !self[direction].isPassing else { return .wait }
    self[direction].length += envoy.bodySize(.received(direction))
    guard self[direction].length <= self[direction].limit else {
      overLimit(direction)
      return .wait
    }
    switch delivery {
    case .chunks, .stream:
      self[direction].queue.append(.body)
      advance(in: direction)
      takeFromEnvoy(direction)
      return .wait
    case .whole:
      if self[direction].hasEnded { self[direction].queue.append(.body) }
      advance(in: direction)
      return .buffer
    }
  }

  func trailersArrived(_ direction: Direction) {
    if self[direction].replacement != nil {
      putReplacement(direction)
      removeTrailers(direction)
      return
    }
    if let stream = self[direction].stream { return trailersArrived(stream) }
    let state = self[direction]
    if state.delivery == .whole, state.length > 0, !state.isPassing { self[direction].queue.append(.body) }
    if handles(.trailers, direction) { self[direction].queue.append(.trailers) }
    advance(in: direction)
  }

  /// What a hook is asked about of a body, and whether Envoy has the bytes still; nil where there is nothing.
  func bodyRequest(
    _ direction: Direction, _ phase: Phase
  ) -> (ProcessingRequest, isInEnvoy: Bool)? {
    let state = self[direction]
    let isWhole = state.delivery == .whole
    var chunks: [UnsafeRawBufferPointer] = []
    let isInHook = hook == direction
    // What is buffered while we hold nothing belongs to another filter.
    if state.isHeld, !(isInHook && envoy.isReceivedBuffered(direction)) { chunks += envoy.body(.buffered(direction)) }
    if isInHook { chunks += envoy.body(.received(direction)) }
    guard state.hasEndedInBody || chunks.contains(where: { !$0.isEmpty }) else { return nil }
    let request = ProcessingRequest(phase, chunks, endOfStream: state.hasEndedInBody)
    let isInEnvoy = isWhole || !state.isHeld
    if !isInEnvoy { drain(direction) }
    return (request, isInEnvoy)
  }

  /// Takes the piece from Envoy whose hook is still at work, for it cannot be told from what follows.
  private func takeFromEnvoy(_ direction: Direction) {
    guard let hookCall, hookCall.part == .body, hookCall.phase.direction == direction, hookCall.isInEnvoy else {
      return
    }
    hookCall.isInEnvoy = false
    envoy.drainBody(.received(direction))
  }

  /// Drops what Envoy has of a body.
  func drain(_ direction: Direction) {
    envoy.drainBody(.buffered(direction))
    if hook == direction { envoy.drainBody(.received(direction)) }
  }

  /// Puts bytes behind all that Envoy has of a body.
  func put(_ bytes: ByteBuffer, _ direction: Direction) {
    guard bytes.readableBytes > 0 else { return }
    if hook == direction, envoy.appendBody(bytes, .received(direction)) { return }
    envoy.appendBody(bytes, .buffered(direction))
  }

  /// Puts what was answered meanwhile before what Envoy has of a body.
  func putOutgoing(_ direction: Direction) {
    guard self[direction].outgoing.readableBytes > 0 else { return }
    let outgoing = self[direction].outgoing
    self[direction].outgoing = ByteBuffer()
    self[direction].stream?.roomMayHaveCome()
    let received = envoy.bodySize(.received(direction)) > 0
    let place = received ? BodyKind.received(direction) : .buffered(direction)
    var all = outgoing
    for chunk in envoy.body(place) { all.writeBytes(chunk) }
    envoy.drainBody(place)
    if !envoy.appendBody(all, .received(direction)) { envoy.appendBody(all, .buffered(direction)) }
  }

  private func overLimit(_ direction: Direction) {
    let handling = filter.configuration.body(of: direction)
    switch handling.overLimit {
    case .reject: answer(handling.overLimit.response(direction))
    case .passThrough: self[direction].isPassing = true
    }
  }

  // MARK: Replacement

  /// Has a body take the place of the one that arrives, once that has passed.
  func replaceBody(_ bytes: ByteBuffer, _ direction: Direction) {
    let mayHaveBody = setLength(of: bytes, direction)
    guard !self[direction].isWithoutBody else {
      if mayHaveBody { envoy.appendBody(bytes, .buffered(direction)) }
      return
    }
    self[direction].delivery = nil
    self[direction].queue = PartQueue()
    self[direction].replacement = bytes
    envoy.drainBody(.buffered(direction))
    if self[direction].hasEnded {
      putReplacement(direction)
      removeTrailers(direction)
    }
  }

  /// Says how long the body is that takes the place of the one that arrives; whether it may be sent, for a response to
  /// HEAD has its length alone.
  func setLength(of body: ByteBuffer, _ direction: Direction) -> Bool {
    let isBodiless = direction == .response && envoy.hasNoBody(envoy.status)
    if !isBodiless || envoy.isHead {
      envoy.set("content-length", "\(body.readableBytes)", HeaderKind(headersOf: direction))
    }
    return !isBodiless
  }

  private func putReplacement(_ direction: Direction) {
    envoy.drainBody(.buffered(direction))
    if let replacement = self[direction].replacement { put(replacement, direction) }
    self[direction].replacement = nil
  }

  private func removeTrailers(_ direction: Direction) {
    let kind = HeaderKind(trailersOf: direction)
    let names = envoy.withHeaders(kind) { trailers in trailers.map { String(decoding: $0.name, as: UTF8.self) } }
    for name in names { envoy.remove(name, kind) }
  }
}
