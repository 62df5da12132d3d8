// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// What a callout sends back of one direction: keeps the order of headers, body and trailers, and says the end.
package final class OutgoingMessage {
  private let incoming: IncomingMessage
  private let sink: any CalloutStreamSink
  private var stage = Stage.headers

  private enum Stage { case headers, body, ended }

  package init(answering incoming: IncomingMessage, sink: any CalloutStreamSink) {
    self.incoming = incoming
    self.sink = sink
  }

  /// Nothing was sent yet, so that everything could still pass.
  package var isUntouched: Bool { stage == .headers }

  func sendHeaders(_ reply: HeadersReply) async throws {
    try sink.send(reply, incoming.direction)
    stage = reply.endsMessage ? .ended : .body
    if case .streamed(let response) = reply.action { try await response.send(to: sink) }
  }

  func send(_ response: ImmediateResponse) throws {
    stage = .ended
    try sink.send(response)
  }

  func write(_ bytes: ByteBuffer, compressed: Bool = false) throws {
    guard stage == .body else {
      throw CalloutError.illegal("the body of this \(incoming.direction) has been replaced or ended")
    }
    guard !incoming.headers.endOfStream else {
      throw CalloutError.illegal("this \(incoming.direction) has no body, and Envoy takes none then")
    }
    guard !incoming.carriesMessages else {
      return sink.send(StreamedBody(bytes: bytes, compressed: compressed), incoming.direction)
    }
    for chunk in bytes.chunks(ofAtMost: StreamedBody.maxLength) {
      sink.send(StreamedBody(bytes: chunk), incoming.direction)
    }
  }

  /// Sends a piece as it came; the last one says so itself.
  private func pass(_ piece: HTTPBody) throws {
    guard piece.endOfStream, incoming.carriesMessages || piece.bytes.readableBytes <= StreamedBody.maxLength else {
      return try write(piece.bytes, compressed: piece.grpcMessageCompressed)
    }
    stage = .ended
    let body = StreamedBody(bytes: piece.bytes, endOfStream: true, compressed: piece.grpcMessageCompressed)
    sink.send(body, incoming.direction)
  }

  func waitForRoom() async throws { try await sink.waitForRoom(incoming.direction) }

  func passRest() async throws {
    while stage == .body, let piece = try await incoming.nextPiece() {
      try pass(piece)
      try await waitForRoom()
    }
  }

  func finish(_ trailers: TrailersReply) async throws {
    while try await incoming.nextPiece() != nil {}
    guard stage == .body else { return }
    stage = .ended
    if incoming.trailers != nil {
      try sink.send(trailers, incoming.direction)
    } else if incoming.isDrained {
      sink.send(StreamedBody(drainComplete: true), incoming.direction)
    } else if !incoming.headers.endOfStream {
      sink.send(StreamedBody(endOfStream: true, withoutMessage: incoming.carriesMessages), incoming.direction)
    }
  }

  /// Does what the hook left undone, so that the proxy is not left waiting.
  package func complete() async throws {
    if stage == .headers {
      try await sendHeaders(.continue)
      try await passRest()
    }
    try await finish(.continue)
  }
}
