// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore

// What comes to the filter: headers, pieces of the body, trailers.

extension EnvoyFilterState {
  mutating func headersArrive(_ direction: Direction) {
    let asks = self[direction].sendsHeaders && !isDone
    if asks { sendHeaders(direction) }
    if !isDone, !filter.observabilityMode, self[direction].losesContentLength {
      self[direction].headers.remove("content-length")
    }
    if direction == .response, response.isUnprocessed { closeStream() }
    if asks, !filter.observabilityMode {
      if self[direction].bodyDoesNotWait(filter) { bodyArrives(direction) }
    } else {
      proceed(direction)
      bodyArrives(direction)
    }
  }

  /// All that follows the headers, as soon as the filter takes it.
  mutating func bodyArrives(_ direction: Direction) {
    let half = self[direction]
    guard !half.endsWithHeaders, !half.bodyHasArrived else { return }
    self[direction].bodyHasArrived = true
    for piece in half.pieces {
      dataArrives(direction, piece, isLast: false)
      guard failure == nil else { return }
    }
    if let trailers = half.comingTrailers {
      trailersArrive(direction, trailers)
    } else {
      dataArrives(direction, ByteBuffer(), isLast: true)
    }
  }

  private mutating func dataArrives(_ direction: Direction, _ bytes: ByteBuffer, isLast: Bool) {
    if isLast { self[direction].isComplete = true }
    if self[direction].bodyIsReplaced { return isLast ? end(direction) : () }
    if isDone || self[direction].bodyMode == .none { return pass(direction, bytes, isLast: isLast) }
    if filter.observabilityMode {
      if self[direction].bodyMode == .streamed { sendBody(direction, bytes, isLast: isLast) }
      return pass(direction, bytes, isLast: isLast)
    }
    switch self[direction].bodyMode {
    case .buffered: buffer(direction, bytes, isLast: isLast)
    case .bufferedPartial: bufferPartially(direction, bytes, isLast: isLast)
    case .streamed:
      self[direction].queue.append(ExchangeHalf.Chunk(bytes: bytes, isLast: isLast))
      sendBody(direction, bytes, isLast: isLast, for: .streamedBody)
    case .fullDuplexStreamed: sendBody(direction, bytes, isLast: isLast, for: .streamedBody)
    default: pass(direction, bytes, isLast: isLast)
    }
  }

  private mutating func buffer(_ direction: Direction, _ bytes: ByteBuffer, isLast: Bool) {
    var buffer = self[direction].buffer ?? ByteBuffer()
    buffer.writeImmutableBuffer(bytes)
    self[direction].buffer = buffer
    guard buffer.readableBytes <= filter.bufferLimit else {
      return fail(.tooLarge("\(direction)", status: direction == .request ? 413 : 500, filter.bufferLimit))
    }
    if isLast { sendBody(direction, buffer, isLast: true, for: .bufferedBody) }
  }

  private mutating func bufferPartially(_ direction: Direction, _ bytes: ByteBuffer, isLast: Bool) {
    if self[direction].partialBodyIsDone { return pass(direction, bytes, isLast: isLast) }
    self[direction].queue.append(ExchangeHalf.Chunk(bytes: bytes, isLast: isLast))
    guard self[direction].awaited != .partialBody else { return }
    if isLast || self[direction].queuedBytes > filter.bufferLimit { sendPartialBody(direction, isLast: isLast) }
  }

  private mutating func sendPartialBody(_ direction: Direction, isLast: Bool) {
    let all = self[direction].dequeueAll()
    self[direction].queue = [all]
    sendBody(direction, all.bytes, isLast: isLast, for: .partialBody)
  }

  private mutating func trailersArrive(_ direction: Direction, _ trailers: HTTPFields) {
    let half = self[direction]
    self[direction].isComplete = true
    self[direction].trailers = trailers
    if isDone { return end(direction) }
    if filter.observabilityMode {
      if half.sendsTrailers { sendTrailers(direction, trailers) }
      return end(direction)
    }
    if half.awaited != .nothing, half.bodyMode != .fullDuplexStreamed { return }
    if half.bodyMode == .buffered, let buffer = half.buffer {
      sendBody(direction, buffer, isLast: false, for: .bufferedBody)
    } else if half.bodyMode == .bufferedPartial, !half.queue.isEmpty {
      sendPartialBody(direction, isLast: false)
    } else if half.sendsTrailers {
      sendTrailers(direction, trailers)
    } else {
      end(direction)
    }
  }
}

extension ExchangeHalf {
  fileprivate func bodyDoesNotWait(_ filter: EnvoyFilter) -> Bool {
    bodyMode == .fullDuplexStreamed || bodyMode == .streamed && filter.sendBodyWithoutWaitingForHeaderResponse
  }

  /// All that is queued as one piece.
  mutating func dequeueAll() -> Chunk {
    let all = queue.reduce(into: Chunk(bytes: ByteBuffer(), isLast: false)) {
      $0.bytes.writeImmutableBuffer($1.bytes)
      $0.isLast = $1.isLast
    }
    queue = []
    return all
  }
}
