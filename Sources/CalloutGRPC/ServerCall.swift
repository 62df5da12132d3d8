// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
package import NIOCore

/// One call on the server: the gRPC protocol over one HTTP/2 stream.
///
/// Messages are handed to the handler one at a time, in order; while it has paused the call, or the client does not
/// read our answers, messages stay unread and their flow-control credit is withheld. Confined to the event loop of
/// its connection.
package final class ServerCall: ServerStreamHandler {
  package let connection: GRPCServerConnection
  @exclusivity(unchecked) package private(set) var headers = HeaderFields()

  private let stream: HTTP2Stream
  // Exclusive access is not checked at run time for what every message touches, as in HTTP2Session.
  /// Not replaced while one of its methods runs.
  @exclusivity(unchecked) private var held: Held?
  @exclusivity(unchecked) private var deframer: MessageDeframer
  @exclusivity(unchecked) private var requestCompression = Compression.identity
  @exclusivity(unchecked) private var responseCompression = Compression.identity
  @exclusivity(unchecked) private var deadline: Scheduled<Void>?

  @exclusivity(unchecked) private var isPaused = false
  /// The stream was closed while the handler was at work, which ends with `resume()`.
  @exclusivity(unchecked) private var keepsPlace = false
  @exclusivity(unchecked) private var isDelivering = false
  @exclusivity(unchecked) private var hasReceivedEnd = false
  @exclusivity(unchecked) private var hasDeliveredEnd = false
  @exclusivity(unchecked) private var hasSentHeaders = false
  @exclusivity(unchecked) private var status: GRPCStatus?
  @exclusivity(unchecked) private var uncredited = 0

  /// What cannot be copied is used in place, and no reference to the handler counted.
  private struct Held: ~Copyable {
    let handler: any ServerCallHandler
  }

  init(stream: HTTP2Stream, connection: GRPCServerConnection) {
    self.stream = stream
    self.connection = connection
    deframer = MessageDeframer(maxMessageLength: connection.maxMessageLength)
  }

  /// The number of the call's stream on its connection.
  package var id: Int { Int(stream.id) }

  /// The client got an answer, or all that it sent was dealt with.
  package var isAnswered: Bool { stream.isAnswered }

  package var eventLoop: any EventLoop { connection.eventLoop }

  /// The server has finished the call, or the client has gone: nothing more can be sent.
  package var isOver: Bool { status != nil || stream.isClosed }

  // MARK: For the handler

  /// Holds back further messages until `resume()`, because the handler is at work on one.
  package func pause() {
    isPaused = true
  }

  package func resume() {
    isPaused = false
    guard stream.isClosed else { return deliver() }
    guard keepsPlace else { return }
    keepsPlace = false
    stream.workEnded()
  }

  /// Sends one message; `body` writes its payload, straight into what is sent.
  package func send(_ body: (inout ByteBuffer) -> Void) {
    guard !isOver else { return }
    switch responseCompression {
    case .identity:
      sendHeaders()
      stream.write { buffer in buffer.writeGRPCMessage(body) }
    case .gzip:
      var payload = ByteBuffer()
      body(&payload)
      do {
        let compressed = try Gzip.compress(payload)
        sendHeaders()
        stream.write { buffer in buffer.writeGRPCMessage(compressed: true) { $0.writeImmutableBuffer(compressed) } }
      } catch {
        finish(error)
      }
    }
  }

  /// Sends one message, which begins with the `headLength` bytes that `head` writes and ends with `rest`; that is not
  /// copied before it is sent.
  package func send(headLength: Int, _ head: (inout ByteBuffer) -> Void, rest: ByteBuffer) {
    guard responseCompression == .identity else {
      return send { buffer in
        head(&buffer)
        buffer.writeImmutableBuffer(rest)
      }
    }
    guard !isOver else { return }
    sendHeaders()
    stream.write(before: rest) { buffer in
      buffer.writeGRPCPrefix(length: headLength + rest.readableBytes)
      head(&buffer)
    }
  }

  /// Bytes sent and not yet taken by the connection are more than it should hold: wait for `whenDrained`.
  package var isOutboundFull: Bool { stream.isOutboundFull }

  /// Called once when everything over the high-water mark has left.
  @exclusivity(unchecked) package var whenDrained: (() -> Void)?

  /// Ends the call with a status and trailers, after all that was sent.
  package func finish(_ status: GRPCStatus, trailers: Metadata = [:]) {
    guard !isOver else { return }
    self.status = status
    deadline?.cancel()
    deadline = nil
    if status == .ok, trailers.isEmpty, hasSentHeaders {
      stream.end(trailers: GRPCFields.okTrailers)
    } else if hasSentHeaders {
      stream.end(trailers: GRPCFields.trailers(status, trailers))
    } else {
      stream.sendHeaders(GRPCFields.trailersOnly(status, trailers), endStream: true)
    }
  }

  /// Says that what the client sent was dealt with although nothing is answered, so that its reset is no abuse.
  package func markAnswered() { stream.markAnswered() }

  // MARK: From the stream

  package var isBusy: Bool {
    switch held {
    case .some(let held): isPaused || held.handler.isBusy
    case nil: isPaused
    }
  }

  package func receiveHeaders(_ fields: HeaderFields) {
    // A second header section is trailers, which gRPC clients do not send.
    guard held == nil, status == nil else { return }
    headers = fields
    do throws(Refusal) {
      let head = connection.head(of: fields)
      let makeHandler: @Sendable (ServerCall) -> any ServerCallHandler
      switch try connection.method(for: head).kind {
      case .messages(let make): makeHandler = make
      case .stream(let make): return handOver(to: make(stream, connection))
      }
      requestCompression = try Self.compression(of: head)
      if requestCompression == .gzip, Compression.accepted(fields["grpc-accept-encoding"] ?? "gzip").contains(.gzip) {
        responseCompression = .gzip
      }
      try startDeadline(head)
      held = Held(handler: makeHandler(self))
    } catch {
      refuse(error)
    }
  }

  /// Leaves the stream to another handler, from its headers on.
  private func handOver(to handler: any ServerStreamHandler) {
    stream.handler = handler
    handler.receiveHeaders(headers)
  }

  package func receiveData(_ data: consuming ByteBuffer) {
    guard held != nil, status == nil else { return stream.consumed(data.readableBytes) }
    uncredited += data.readableBytes
    deframer.append(data)
    deliver()
  }

  package func receiveEnd() {
    hasReceivedEnd = true
    deliver()
  }

  package func outboundDrained() {
    let whenDrained = whenDrained
    self.whenDrained = nil
    whenDrained?()
    deliver()
  }

  package func streamClosed(_ code: HTTP2ErrorCode) {
    deadline?.cancel()
    deadline = nil
    whenDrained?()
    whenDrained = nil
    stream.consumed(uncredited)
    uncredited = 0
    keepsPlace = isBusy
    takeHandler()?.callEnded(status.map(CallEnding.finished) ?? .reset(code: code.rawValue))
  }

  /// Ends the call because the server's grace period is over.
  package func shutDown() {
    switch held {
    case .some(let held): held.handler.shutDown()
    case nil: break
    }
  }

  private func takeHandler() -> (any ServerCallHandler)? {
    defer { held = nil }
    switch held {
    case .some(let held): return held.handler
    case nil: return nil
    }
  }

  // MARK: Messages

  private func deliver() {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    do throws(GRPCStatus) {
      while !isPaused, !stream.isOutboundFull, status == nil, held != nil {
        guard let message = try deframer.next() else {
          returnCredit()
          return try deliverEnd()
        }
        let isCompressed = message.compressed
        var payload = (consume message).payload
        if isCompressed { payload = try decompress(payload) }
        switch held {
        case .some(let held): held.handler.receive(payload)
        case nil: break
        }
      }
    } catch {
      finish(error)
    }
    if status != nil { returnCredit() }
  }

  private func deliverEnd() throws(GRPCStatus) {
    guard hasReceivedEnd, !hasDeliveredEnd else { return }
    hasDeliveredEnd = true
    guard !deframer.isMidMessage else {
      throw GRPCStatus(.internal, "the request ended in the middle of a message")
    }
    switch held {
    case .some(let held): held.handler.receiveEnd()
    case nil: break
    }
  }

  private func returnCredit() {
    stream.consumed(uncredited)
    uncredited = 0
  }

  private func decompress(_ payload: ByteBuffer) throws(GRPCStatus) -> ByteBuffer {
    guard requestCompression == .gzip else {
      throw GRPCStatus(.internal, "a compressed message without grpc-encoding")
    }
    return try Gzip.decompress(payload, maxLength: deframer.maxMessageLength)
  }

  // MARK: Headers

  /// Why a call was not begun.
  enum Refusal: Error {
    /// The request is not gRPC at all.
    case http(PreparedFields)
    case status(GRPCStatus)
  }

  private func refuse(_ refusal: Refusal) {
    switch refusal {
    case .http(let fields):
      status = GRPCStatus(.unknown)
      stream.sendHeaders(fields, endStream: true)
    case .status(let status): finish(status)
    }
  }

  private func sendHeaders() {
    guard !hasSentHeaders else { return }
    hasSentHeaders = true
    stream.sendHeaders(
      responseCompression == .gzip ? GRPCFields.gzipResponseHeaders : GRPCFields.responseHeaders)
  }

  private static func compression(of head: RequestHead) throws(Refusal) -> Compression {
    switch head.encoding {
    case nil: return .identity
    case .known(let compression): return compression
    case .unknown(let name):
      throw .status(
        GRPCStatus(.unimplemented, "grpc-encoding '\(name)' is not supported: use \(Compression.advertised)"))
    }
  }

  private func startDeadline(_ head: RequestHead) throws(Refusal) {
    switch head.timeout {
    case nil: return
    case .malformed: throw .status(GRPCStatus(.internal, "grpc-timeout is malformed"))
    case .after(let timeout):
      let bound = NIOLoopBound(self, eventLoop: eventLoop)
      deadline = eventLoop.scheduleTask(in: TimeAmount(timeout)) { bound.value.deadlineExceeded() }
    }
  }

  private func deadlineExceeded() {
    deadline = nil
    let status = GRPCStatus(.deadlineExceeded, "the call's deadline has passed")
    finish(status)
    takeHandler()?.callEnded(.finished(status))
  }
}
