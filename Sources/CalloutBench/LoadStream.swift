// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import EnvoyAPI
import NIOCore

/// One exchange under way. Confined to the event loop of its connection.
final class LoadStream: HTTP2StreamHandler {
  private let stream: HTTP2Stream
  private let connection: LoadConnection
  private let steps: [Exchange.Step]
  private var step = 0
  /// When the message or the body was sent that is to be answered now.
  private var start: NIODeadline
  /// Answers that the step still needs.
  private var awaited = 0
  private var piecesSent = 0
  private var deframer = MessageDeframer(maxMessageLength: maxAnswerLength)
  /// Everything was answered.
  private var isDone = false
  private var status: GRPCStatus?

  /// - Parameter due: when the exchange was to begin.
  init(_ stream: HTTP2Stream, _ exchange: Exchange, due: NIODeadline, on connection: LoadConnection) {
    self.stream = stream
    self.connection = connection
    steps = exchange.steps
    start = due
  }

  // MARK: Steps

  func beginStep() {
    guard step < steps.count else { return finish() }
    switch steps[step] {
    case .message(let bytes):
      awaited = 1
      send(bytes)
    case .body(let body):
      awaited = body.mode == .streamed ? body.count : 1
      piecesSent = 0
      sendPieces(body)
    }
  }

  private func sendPieces(_ body: Exchange.Body) {
    guard piecesSent < body.count else { return }
    while piecesSent < body.count, !stream.isOutboundFull {
      piecesSent += 1
      send(piecesSent == body.count ? body.last : body.piece)
    }
    if piecesSent == body.count { connection.tally.bodyBytes += body.length }
  }

  private func send(_ message: ByteBuffer) {
    connection.tally.messages += 1
    stream.write { buffer in buffer.writeGRPCMessage { $0.writeImmutableBuffer(message) } }
  }

  private func receive(_ answer: ByteBuffer) throws(GRPCStatus) {
    guard let kind = AnswerKind(answer) else { return }
    // Of a streamed immediate response more parts follow.
    guard !(isDone && kind == .immediate) else { return }
    guard !isDone, step < steps.count else { throw GRPCStatus(.internal, "an answer to nothing") }
    if kind == .immediate {
      connection.tally.immediateResponses += 1
      record()
      return finish()
    }
    if case .body(let body) = steps[step], body.mode == .fullDuplex {
      guard try ProcessingResponseMessage(grpcMessage: answer).endsBody else { return }
    }
    awaited -= 1
    guard awaited <= 0 else { return }
    record()
    step += 1
    start = .now()
    beginStep()
  }

  private func record() {
    connection.tally.latency.record(nanoseconds: (NIODeadline.now() - start).nanoseconds)
  }

  private func finish() {
    isDone = true
    stream.end()
  }

  // MARK: HTTP2StreamHandler

  var isBusy: Bool { false }

  func receiveHeaders(_ fields: HeaderFields) {
    guard let code = fields["grpc-status"].flatMap({ Int($0) }) else {
      if let http = fields[":status"], http != "200" { status = GRPCStatus(.unknown, "HTTP status \(http)") }
      return
    }
    status = GRPCStatus(.init(rawValue: code), fields["grpc-message"] ?? "")
  }

  func receiveData(_ data: consuming ByteBuffer) {
    let count = data.readableBytes
    deframer.append(data)
    do throws(GRPCStatus) {
      while let message = try deframer.next() { try receive(message.payload) }
    } catch {
      status = error
      stream.reset(.cancel)
    }
    stream.consumed(count)
  }

  func receiveEnd() {}

  func outboundDrained() {
    if !isDone, step < steps.count, case .body(let body) = steps[step] { sendPieces(body) }
  }

  func streamClosed(_ code: HTTP2ErrorCode) { connection.streamEnded(error(code)) }

  /// What went wrong, or nil.
  private func error(_ code: HTTP2ErrorCode) -> String? {
    if let status, status != .ok { return "\(status)" }
    if isDone, status == .ok { return nil }
    if status == .ok { return "the server ended the stream before it had answered everything" }
    return "the stream was reset, or its connection lost: \(code)"
  }

  private static let maxAnswerLength = 64 * 1_024 * 1_024
}

/// What an answer is, as the field of its oneof tells, which always comes first.
private enum AnswerKind {
  case phase, immediate

  /// Nil where it answers nothing, as a request for more time does.
  init?(_ answer: ByteBuffer) {
    switch answer.readableBytesView.first {
    case 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32: self = .phase
    // immediate_response, streamed_immediate_response
    case 0x3a, 0x5a: self = .immediate
    default: return nil
    }
  }
}

extension ProcessingResponseMessage {
  /// It has the last piece of a full-duplex body.
  fileprivate var endsBody: Bool {
    switch response {
    case .requestBody(let body)?: return body.response.bodyMutation.streamedResponse.endOfStream
    case .responseBody(let body)?: return body.response.bodyMutation.streamedResponse.endOfStream
    default: return false
    }
  }
}
