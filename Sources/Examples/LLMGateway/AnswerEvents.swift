// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import ExtProc
import NIOCore

/// A provider's answer that is a stream of events: each is translated as it comes.
///
/// An event that is longer than `ServerSentEvents` holds is answered with an error, and ends the stream.
struct AnswerEvents: Sendable {
  private var dialect: any Dialect
  private var events: ServerSentEvents
  private var isLast = false
  private var isOver = false

  init(_ dialect: any Dialect, upTo limit: Int = ServerSentEvents.defaultLimit) {
    self.dialect = dialect
    events = ServerSentEvents(upTo: limit)
  }

  /// Takes a piece and returns what goes to the client for it, often nothing.
  mutating func receive(_ piece: HTTPBody) -> ByteBuffer {
    var output = ByteBuffer()
    guard !isOver else { return output }
    for event in events.receive(piece.bytes.readableBytesView) { translate(event, into: &output) }
    if events.isOverLimit {
      output.writeEvent(GatewayError.failure("the provider sent an event that is too long").body.description)
    } else if piece.endOfStream, let last = events.finish() {
      translate(last, into: &output)
    }
    // A body that trailers follow has no last piece.
    isOver = piece.endOfStream || events.isOverLimit || isLast
    if isOver { output.writeEvent("[DONE]") }
    return output
  }

  /// What is no JSON is skipped, a provider's own `[DONE]` included.
  private mutating func translate(_ event: String, into output: inout ByteBuffer) {
    guard let event = try? JSONValue(parsing: event) else { return }
    for chunk in dialect.chunks(of: event) { output.writeEvent(chunk.description) }
    if dialect.isLast(event) { isLast = true }
  }
}

extension ByteBuffer {
  fileprivate mutating func writeEvent(_ data: String) { writeString("data: \(data)\n\n") }
}
