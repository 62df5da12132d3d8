// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOConcurrencyHelpers
import NIOCore

/// One side of a call as HTTP/2 sees it: shows all that comes, and sends what no gRPC library would.
///
/// Safe to use from any thread; one task at a time may read.
struct BareStream: Sendable {
  enum Event: Sendable {
    case headers(HeaderFields)
    case data(ByteBuffer)
    case end
    case closed(HTTP2ErrorCode)
  }

  /// The stream was closed where a message or its end was waited for.
  struct Closed: Error, Equatable { let code: HTTP2ErrorCode }

  private let events = Events<Event>()
  private let stream: NIOLoopBound<HTTP2Stream>
  private let deframer = NIOLockedValueBox(MessageDeframer(maxMessageLength: .max))
  /// Whom the stream tells what comes.
  let handler: any ServerStreamHandler & Sendable

  /// Takes the stream over; called on its event loop.
  init(_ stream: HTTP2Stream, on eventLoop: any EventLoop) {
    self.stream = NIOLoopBound(stream, eventLoop: eventLoop)
    handler = Handler(events)
    stream.handler = handler
  }

  // MARK: Receiving

  /// What comes next; flow-control credit is given back for data that was asked for, and no other.
  func next() async -> Event? {
    let event = await events.next()
    if case .data(let bytes) = event { onLoop { $0.consumed(bytes.readableBytes) } }
    return event
  }

  /// The next header section.
  func headers() async throws -> HeaderFields {
    while let event = await next() {
      switch event {
      case .headers(let fields): return fields
      case .closed(let code): throw Closed(code: code)
      case .data, .end: continue
      }
    }
    throw CancellationError()
  }

  /// The next message, or nil when the peer has ended its side; header sections are passed over.
  func message() async throws -> FramedMessage? {
    while true {
      if let message = try deframer.withLockedValue({ try $0.next() }) { return message }
      switch await next() {
      case .headers: continue
      case .data(let bytes): deframer.withLockedValue { $0.append(bytes) }
      case .end: return nil
      case .closed(let code): throw Closed(code: code)
      case nil: throw CancellationError()
      }
    }
  }

  /// The code that the stream is closed with; reads all that comes before.
  func closed() async -> HTTP2ErrorCode? {
    while let event = await next() { if case .closed(let code) = event { return code } }
    return nil
  }

  /// All that comes until the stream is closed.
  func response() async throws -> BareResponse {
    var response = BareResponse()
    while let event = await next() {
      switch event {
      case .headers(let fields): response.sections.append(fields)
      case .data(let bytes): response.data.writeImmutableBuffer(bytes)
      case .end: response.hasEnded = true
      case .closed(let code):
        response.code = code
        return response
      }
    }
    throw CancellationError()
  }

  // MARK: Sending

  func send(headers fields: HeaderFields, endStream: Bool = false) {
    onLoop { $0.sendHeaders(fields, endStream: endStream) }
  }

  func send(_ payload: ByteBuffer, compressed: Bool = false) {
    onLoop {
      $0.write { buffer in buffer.writeGRPCMessage(compressed: compressed) { $0.writeImmutableBuffer(payload) } }
    }
  }

  func send(bytes: ByteBuffer) { onLoop { $0.write { $0.writeImmutableBuffer(bytes) } } }
  func end(trailers: HeaderFields? = nil) { onLoop { $0.end(trailers: trailers) } }
  func reset(_ code: HTTP2ErrorCode) { onLoop { $0.reset(code) } }

  private func onLoop(_ body: @escaping @Sendable (HTTP2Stream) -> Void) {
    stream.eventLoop.execute { [stream] in body(stream.value) }
  }

  private final class Handler: ServerStreamHandler, Sendable {
    private let events: Events<Event>

    init(_ events: Events<Event>) { self.events = events }

    var isBusy: Bool { false }
    func receiveHeaders(_ fields: HeaderFields) { events.send(.headers(fields)) }
    func receiveData(_ data: consuming ByteBuffer) { events.send(.data(data)) }
    func receiveEnd() { events.send(.end) }
    func outboundDrained() {}
    func streamClosed(_ code: HTTP2ErrorCode) { events.send(.closed(code)) }
    func shutDown() {}
  }
}

/// All that came back on a stream.
struct BareResponse: Sendable {
  var sections: [HeaderFields] = []
  var data = ByteBuffer()
  /// The last frame said that it is the last; without that the stream was reset.
  var hasEnded = false
  var code = HTTP2ErrorCode.noError

  /// A header section; empty where there are not so many.
  func section(_ index: Int) -> HeaderFields { sections.indices.contains(index) ? sections[index] : [:] }

  /// What the last section says of the call's end.
  var status: GRPCStatus? {
    guard let fields = sections.last, let number = fields["grpc-status"].flatMap(Int.init) else { return nil }
    return GRPCStatus(.init(rawValue: number), PercentEncoding.decode((fields["grpc-message"] ?? "").utf8))
  }

  var messages: [FramedMessage] {
    get throws {
      var deframer = MessageDeframer(maxMessageLength: .max)
      deframer.append(data)
      var messages: [FramedMessage] = []
      while let message = try deframer.next() { messages.append(message) }
      return messages
    }
  }
}

extension HeaderFields {
  /// All values of a field, in order.
  func values(_ name: String) -> [String] {
    var values: [String] = []
    forEach { field, value in
      if String(decoding: field, as: UTF8.self) == name { values.append(String(decoding: value, as: UTF8.self)) }
    }
    return values
  }
}

extension FramedMessage {
  var text: String { String(buffer: payload) }
}
