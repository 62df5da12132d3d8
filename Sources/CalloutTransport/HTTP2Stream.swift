// SPDX-License-Identifier: Apache-2.0
internal import CNghttp2
package import NIOCore

/// One HTTP/2 stream: what is waiting to be sent on it, and who handles what arrives.
///
/// Confined to the event loop of its connection.
package final class HTTP2Stream {
  package let id: Int32

  /// Who is told what arrives; whoever learns of the stream first sets it.
  ///
  /// It may be replaced while it is told of headers, and at no other time while one of its methods runs.
  package var handler: (any HTTP2StreamHandler)? {
    get {
      switch held {
      case .some(let held): held.handler
      case nil: nil
      }
    }
    set { held = if let newValue { Held(handler: newValue) } else { nil } }
  }

  // Exclusive access is not checked at run time for what every frame touches, for the reason that HTTP2Session gives.
  @exclusivity(unchecked) private var held: Held?

  /// What cannot be copied is used in place, and no reference to the handler counted.
  private struct Held: ~Copyable {
    let handler: any HTTP2StreamHandler
  }

  /// The peer can no longer blame or be blamed: it got an answer, or all that it sent was dealt with.
  ///
  /// Resets before this are counted against the connection's `ResetBudget`.
  package var isAnswered: Bool { hasAnswered }

  /// Nothing more can be sent or received.
  package var isClosed: Bool { hasClosed }

  /// It ended because the connection did.
  package internal(set) var isCutOff = false
  /// A client's request has begun to leave: before that the server knows nothing of it.
  package internal(set) var hasLeft = false

  // Stored apart, since another module's access to a stored property would be checked all the same.
  @exclusivity(unchecked) var hasAnswered = false
  @exclusivity(unchecked) private var hasClosed = false

  /// The stream keeps its session alive, since credit is returned even after it has closed. The session lets go of
  /// a stream when it closes, so this is no cycle for longer.
  private let session: HTTP2Session
  @exclusivity(unchecked) var isAnnounced = false
  /// The peer has ended its side.
  @exclusivity(unchecked) var isRemoteEnded = false
  /// Where the session's list of streams has this one.
  @exclusivity(unchecked) var index = 0

  /// What is sent next, in memory of the stream's own.
  @exclusivity(unchecked) private var outbound: ByteBuffer
  /// What is sent after it: large pieces that belong to others too, and what was written after them.
  @exclusivity(unchecked) private var queue = OutboundQueue()
  @exclusivity(unchecked) private var trailers: Trailers?
  @exclusivity(unchecked) private var isDeferred = false
  @exclusivity(unchecked) private var isOverHighWater = false

  private enum Trailers {
    case none
    case fields(HeaderFields)
    case prepared(PreparedFields)
  }

  init(id: Int32, session: HTTP2Session) {
    self.id = id
    self.session = session
    outbound = session.takeBuffer()
  }

  // MARK: Sending

  /// Sends a header section: the response's, or with `endStream` the whole answer.
  package func sendHeaders(_ fields: HeaderFields, endStream: Bool = false) {
    fields.withNameValues { submitResponse($0, endStream: endStream) }
  }

  package func sendHeaders(_ fields: PreparedFields, endStream: Bool = false) {
    submitResponse(fields.entries, endStream: endStream)
  }

  /// Appends to what the stream sends; `body` writes straight into the outgoing buffer.
  package func write(_ body: (inout ByteBuffer) throws -> Void) rethrows {
    guard !isClosed, trailers == nil else { return }
    defer { resume() }
    if queue.isEmpty { try body(&outbound) } else { try queue.write(body) }
  }

  /// Appends what `body` writes and then `bytes`. They are not copied but held until they are sent, unless they are few
  /// or a small part of the memory that they would hold.
  package func write(before bytes: ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
    guard !isClosed, trailers == nil else { return }
    guard bytes.readableBytes >= Self.fewBytes, bytes.readableBytes * 4 >= bytes.storageCapacity else {
      return write { buffer in
        body(&buffer)
        buffer.writeImmutableBuffer(bytes)
      }
    }
    if queue.isEmpty { body(&outbound) } else { queue.write(body) }
    queue.append(bytes)
    resume()
  }

  /// Ends our side after all that was written, with trailers if there are any.
  package func end(trailers fields: HeaderFields? = nil) {
    finish(with: fields.map(Trailers.fields) ?? .none)
  }

  package func end(trailers fields: PreparedFields) {
    finish(with: .prepared(fields))
  }

  /// Abandons the stream in both directions.
  package func reset(_ code: HTTP2ErrorCode) {
    guard !isClosed else { return }
    guard session.role == .server || hasLeft else { return session.withdraw(self, code) }
    submitReset(code)
  }

  func submitReset(_ code: HTTP2ErrorCode) {
    nghttp2_submit_rst_stream(session.pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
    session.hasOutput()
  }

  /// Bytes written and not yet handed to the connection.
  package var outboundBytes: Int { outbound.readableBytes + queue.byteCount }

  /// True from the moment that more than `streamOutboundHighWater` bytes wait until all of them have left.
  package var isOutboundFull: Bool { isOverHighWater }

  // MARK: Receiving

  /// Gives back flow-control credit for bytes that were dealt with.
  package func consumed(_ bytes: Int) {
    guard bytes > 0 else { return }
    session.consumed(bytes, on: self)
  }

  /// Says that what the peer sent was dealt with although there is nothing to answer.
  package func markAnswered() { hasAnswered = true }

  /// Says that the work is done with which the handler was still busy when the stream closed.
  package func workEnded() { session.busyStreamEnded() }

  // MARK: For the session

  func receiveData(_ data: consuming ByteBuffer) {
    switch held {
    case .some(let held): held.handler.receiveData(data)
    case nil: break
    }
  }

  func receiveEnd() {
    switch held {
    case .some(let held): held.handler.receiveEnd()
    case nil: break
    }
  }

  func outboundDrained() {
    switch held {
    case .some(let held): held.handler.outboundDrained()
    case nil: break
    }
  }

  /// Tells the handler that this was all, and lets go of it.
  func ended(_ code: HTTP2ErrorCode) {
    switch held {
    case .some(let held): held.handler.streamClosed(code)
    case nil: break
    }
    held = nil
  }

  /// The handler has work in hand.
  var isBusy: Bool {
    switch held {
    case .some(let held): held.handler.isBusy
    case nil: false
    }
  }

  func close() {
    hasClosed = true
    queue = OutboundQueue()
    var unsent = ByteBuffer()
    swap(&unsent, &outbound)
    session.giveBack(unsent)
  }

  private func submitResponse(_ entries: UnsafeBufferPointer<nghttp2_nv>, endStream: Bool) {
    guard !isClosed else { return }
    hasAnswered = true
    if endStream {
      nghttp2_submit_response(session.pointer, id, entries.baseAddress, entries.count, nil)
    } else {
      var provider = dataProvider()
      nghttp2_submit_response(session.pointer, id, entries.baseAddress, entries.count, &provider)
    }
    session.hasOutput()
  }

  private func finish(with trailers: Trailers) {
    guard !isClosed, self.trailers == nil else { return }
    self.trailers = trailers
    resume()
  }

  func dataProvider() -> nghttp2_data_provider {
    nghttp2_data_provider(
      source: nghttp2_data_source(ptr: Unmanaged.passUnretained(self).toOpaque()),
      read_callback: HTTP2Callbacks.readBody)
  }

  private func resume() {
    if outboundBytes > session.configuration.streamOutboundHighWater { isOverHighWater = true }
    if isDeferred {
      isDeferred = false
      nghttp2_session_resume_data(session.pointer, id)
    }
    session.hasOutput()
  }

  /// Answers nghttp2's question how many of the `limit` bytes it could send there are, and whether they are the last.
  func offerBody(limit: Int, flags: UnsafeMutablePointer<UInt32>) -> Int {
    let waiting = outboundBytes
    let length = min(limit, waiting)
    if length == waiting, let trailers {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      submit(trailers, flags: flags)
    } else if length == 0 {
      isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    return length
  }

  private func submit(_ trailers: Trailers, flags: UnsafeMutablePointer<UInt32>) {
    let submit = { [session] (entries: UnsafeBufferPointer<nghttp2_nv>) in
      flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
      _ = nghttp2_submit_trailer(session.pointer, self.id, entries.baseAddress, entries.count)
    }
    switch trailers {
    case .none: break
    case .fields(let fields): fields.withNameValues(submit)
    case .prepared(let fields): submit(fields.entries)
    }
  }

  /// Gives back the memory that earlier messages were written into.
  func trimMemory() {
    if outbound.readableBytes == 0 { outbound = ByteBuffer() }
  }

  /// To copy so few costs less than to hold them.
  private static let fewBytes = 4_096

  /// Moves `length` bytes of body behind a frame header that was just written to `output`.
  func moveBody(_ length: Int, to output: inout HTTP2Output) {
    let first = min(length, outbound.readableBytes)
    outbound.withUnsafeReadableBytes { output.append(UnsafeRawBufferPointer(rebasing: $0.prefix(first))) }
    outbound.moveReaderIndex(forwardBy: first)
    if first < length { queue.move(length - first, to: &output) }
    guard outbound.readableBytes == 0 else { return }
    // What `clear` does, without a look at the memory: the buffer is no slice of another.
    outbound.moveReaderIndex(to: 0)
    outbound.moveWriterIndex(to: 0)
    guard queue.isEmpty else { return }
    if isOverHighWater {
      isOverHighWater = false
      session.drained(self)
    }
  }
}

/// What a stream's handler is told, on the connection's event loop and never inside a library callback.
package protocol HTTP2StreamHandler: AnyObject {
  /// There is work in hand. A stream that closes meanwhile keeps its place among `maxConcurrentStreams` until
  /// `HTTP2Stream.workEnded()`, so that opening and resetting streams cannot pile up work.
  var isBusy: Bool { get }
  /// A header section arrived: first the request's or the response's, later perhaps trailers.
  func receiveHeaders(_ fields: HeaderFields)
  /// Body bytes arrived. The handler returns their credit with `HTTP2Stream.consumed(_:)`.
  func receiveData(_ data: consuming ByteBuffer)
  /// The peer will send nothing more.
  func receiveEnd()
  /// Everything that was over the high-water mark has left.
  func outboundDrained()
  /// The stream is over, however it ended; called once, last.
  func streamClosed(_ code: HTTP2ErrorCode)
}
