// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import NIOCore

/// One direction that a callout handles as a stream. Used on the stream's worker alone.
final class MessageStream: StreamWork, @unchecked Sendable {
  let incoming: IncomingMessage
  let outgoing: OutgoingMessage
  var isRunning = true
  /// The headers were answered.
  var hasHeaders = false
  /// Pieces of the body have arrived.
  var hasPieces = false
  /// Envoy has pieces that the hook is not given yet, because it has enough.
  var isFull = false
  /// It will be given them in a later turn.
  var isToBeFed = false
  private var writer: UnsafeContinuation<Void, Never>?

  // Kept by the task that does the work.
  private unowned(unsafe) let exchange: CalloutExchange

  init(_ incoming: IncomingMessage, _ exchange: CalloutExchange) {
    self.incoming = incoming
    outgoing = OutgoingMessage(answering: incoming, sink: exchange)
    self.exchange = exchange
  }

  override func run() async { await exchange.run(self) }

  func breakOff() {
    incoming.fail(CancellationError())
    cancel()
    roomMayHaveCome()
  }

  /// Returns when what the hook has sent may have gone.
  func waitForRoom() async { await withUnsafeContinuation { writer = $0 } }

  func roomMayHaveCome() {
    let writer = writer
    self.writer = nil
    writer?.resume()
  }

  /// Bytes that the hook may leave unread before more stay in Envoy.
  static let mostBuffered = 256 * 1_024

  /// Bytes that the hook may send before it waits until Envoy has taken them.
  static let mostOutgoing = 1_024 * 1_024
}

extension DirectionState {
  /// What arrived has to wait: for the headers' answer, for the hook to read it, for something to send, or for the hook's
  /// end with the message's. Envoy takes no more behind the end, and from outside of its hooks only what was held.
  func isStreamWaiting(_ stream: MessageStream) -> Bool {
    guard stream.isRunning else { return false }
    return !stream.hasHeaders || stream.isFull || hasEnded || (stream.hasPieces && outgoing.readableBytes == 0)
  }
}

extension CalloutExchange {
  func beginStream(_ direction: Direction) {
    let phase = MessagePart.headers.phase(direction)
    let attributes = direction == .request ? filter.requestAttributes : filter.responseAttributes
    let headers = headers(HeaderKind(headersOf: direction), endOfStream: self[direction].isWithoutBody)
    headers.copy()
    let request = ProcessingRequest(phase, headers, attributes: attributes.values(envoy))
    context.receive(request)
    let message = IncomingMessage(direction, headers: try? request.headers(), mode: nil, sink: self)
    let stream = MessageStream(message, self)
    self[direction].stream = stream
    advance(in: direction) { self.start(stream) }
  }

  func pieceArrived(_ stream: MessageStream) -> DataStatus {
    let direction = stream.incoming.direction
    stream.hasPieces = true
    if stream.incoming.bufferedBytes >= MessageStream.mostBuffered {
      stream.isFull = true
      stream.roomMayHaveCome()
      return .wait
    }
    if self[direction].hasEnded { stream.roomMayHaveCome() }
    advance(in: direction) { feed(stream, [.buffered(direction), .received(direction)]) }
    return .wait
  }

  func trailersArrived(_ stream: MessageStream) {
    let direction = stream.incoming.direction
    stream.roomMayHaveCome()
    advance(in: direction) {
      feed(stream, [.buffered(direction)])
      let trailers = headers(HeaderKind(trailersOf: direction), endOfStream: false)
      trailers.copy()
      stream.incoming.receive(trailers: HTTPHeaders(trailers))
    }
  }

  /// The hook has read what it was given: it gets what stayed in Envoy.
  func feedMore(_ stream: MessageStream) {
    feed(stream, [.buffered(stream.incoming.direction)])
    hookEnded()
  }

  /// Gives the hook what Envoy has of the body.
  private func feed(_ stream: MessageStream, _ places: [BodyKind]) {
    let direction = stream.incoming.direction
    stream.isFull = false
    stream.isToBeFed = false
    // What is buffered while we hold nothing belongs to another filter, and what arrives may be the same bytes.
    let isBufferOurs = self[direction].isHeld && !(hook == direction && envoy.isReceivedBuffered(direction))
    let places = places.filter { $0 != .buffered(direction) || isBufferOurs }
    let chunks = places.flatMap { envoy.body($0) }
    let hasEnded = self[direction].hasEndedInBody
    let phase = MessagePart.body.phase(direction)
    guard hasEnded || !chunks.isEmpty,
      let body = try? ProcessingRequest(phase, chunks, endOfStream: hasEnded).body()
    else { return }
    for place in places { envoy.drainBody(place) }
    stream.incoming.receive(body)
  }

  fileprivate func run(_ stream: MessageStream) async {
    do {
      try await filter.callout.handle(stream.incoming, stream.outgoing, context: context) { passes($0, stream) }
      ended(stream, nil)
    } catch {
      ended(stream, error)
    }
  }

  private func ended(_ stream: MessageStream, _ error: (any Error)?) {
    stream.isRunning = false
    guard isOpen else { return hookEndedLate() }
    if let error, !isAnswered { fail(stream, error) }
    hookEnded()
  }

  private func passes(_ error: any Error, _ stream: MessageStream) -> Bool {
    guard isOpen, !(error is Denial), case .passThrough = filter.configuration.failurePolicy[stream.phase] else {
      return false
    }
    context.logger.error("callout failed", metadata: ["phase": "\(stream.phase)", "error": "\(error)"])
    return true
  }

  private func fail(_ stream: MessageStream, _ error: any Error) {
    if let denial = error as? Denial { return deny(stream.phase, denial) }
    switch filter.configuration.failurePolicy[stream.phase] {
    // Part of it is gone, so that it cannot pass.
    case .failStream, .passThrough: fail(stream.phase, error, answering: nil)
    case .immediate(let response): fail(stream.phase, error, answering: response)
    }
  }
}

extension MessageStream {
  /// How far it is, for the policy that applies.
  fileprivate var phase: Phase {
    (outgoing.isUntouched ? MessagePart.headers : .body).phase(incoming.direction)
  }
}
