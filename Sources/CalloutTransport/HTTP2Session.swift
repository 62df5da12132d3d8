// SPDX-License-Identifier: Apache-2.0
internal import CNghttp2
package import NIOCore

/// An HTTP/2 connection without I/O: bytes in, events out, bytes to send out.
///
/// libnghttp2 speaks the protocol; this class keeps its streams, our limits and the account of resets. It never
/// calls user code from inside a callback of the library: callbacks only queue events, which `nextEvent` hands out
/// afterwards. Confined to one event loop.
package final class HTTP2Session {
  package enum Role: Sendable { case server, client }

  package let role: Role
  package let configuration: HTTP2Configuration

  /// Told when there is something to send or an event to take outside `receive` and `writeOutput`.
  ///
  /// Strong, for a weak reference would slow every use of the object down; whoever sets it takes it back.
  @exclusivity(unchecked) package var delegate: (any HTTP2SessionDelegate)?

  /// Streams that are open, in no order.
  @exclusivity(unchecked) package private(set) var streams: [HTTP2Stream] = []

  /// More waits to be sent than a connection should hold: time to stop reading what would add to it. Seldom asked, and
  /// so worked out then.
  package var isOutboundFull: Bool {
    nghttp2_session_get_outbound_queue_size(pointer) > Self.framesQueued
      || streams.reduce(0) { $0 + $1.outboundBytes } > configuration.connectionOutboundHighWater
  }

  /// The open stream with this id, or nil.
  package func stream(_ id: Int32) -> HTTP2Stream? { streams.first { $0.id == id } }

  /// Streams that the peer takes at once; what is opened beyond waits.
  package var remoteMaxConcurrentStreams: Int {
    Int(nghttp2_session_get_remote_settings(pointer, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }

  /// The peer's SETTINGS arrived, so its preface is complete.
  package internal(set) var isEstablished = false

  /// nghttp2's session.
  let pointer: OpaquePointer
  private let memory = HTTP2Memory()

  /// The delegate knows that there is something to send.
  @exclusivity(unchecked) private var isOutputAnnounced = false
  // Exclusive access is not checked at run time for what every frame touches: the session is confined to one event
  // loop, and no access of it spans a call that could come back here. The checks were a tenth of a message's cost.
  @exclusivity(unchecked) private var events = HTTP2EventQueue()
  @exclusivity(unchecked) private var spareBuffers: [ByteBuffer] = []
  @exclusivity(unchecked) private var resetBudget: ResetBudget
  private var busyClosedStreams = 0
  private var isTerminated = false
  @exclusivity(unchecked) private var input = ByteBuffer()
  /// Where `input` lies in memory, valid while `receive` runs.
  @exclusivity(unchecked) private var inputStart: UnsafeRawPointer?
  @exclusivity(unchecked) private var arrivingFields: ArrivingFields
  /// Where to write what is sent, while `writeOutput` runs.
  @exclusivity(unchecked) private var output = HTTP2Output()
  /// What nghttp2 has handed out and there was no room for; it stays valid until nghttp2 is asked for more.
  @exclusivity(unchecked) private var heldBack = UnsafeRawBufferPointer(start: nil, count: 0)

  package init(role: Role, configuration: HTTP2Configuration = HTTP2Configuration()) {
    self.role = role
    self.configuration = configuration
    resetBudget = ResetBudget(configuration.resetBudget)
    arrivingFields = ArrivingFields(limit: configuration.maxHeaderListSize)
    let callbacks = HTTP2Callbacks.shared.pointer
    let options = HTTP2Callbacks.shared.options
    var session: OpaquePointer?
    switch role {
    case .server: nghttp2_session_server_new3(&session, callbacks, nil, options, memory.functions)
    case .client: nghttp2_session_client_new3(&session, callbacks, nil, options, memory.functions)
    }
    guard let session else { preconditionFailure("nghttp2 is out of memory") }
    pointer = session
    nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    submitSettings()
  }

  deinit { nghttp2_session_del(pointer) }

  // MARK: Bytes

  /// Takes bytes from the peer, which become events.
  ///
  /// Throws when the connection cannot go on and there is nothing to tell the peer, as with a broken preface.
  package func receive(_ bytes: ByteBuffer) throws(HTTP2Error) {
    input = bytes
    defer { input = ByteBuffer() }
    let taken = bytes.withUnsafeReadableBytes { bytes in
      inputStart = bytes.baseAddress
      return nghttp2_session_mem_recv(pointer, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
    guard taken >= 0 else { throw HTTP2Error(receiveFailure: Int32(taken)) }
  }

  /// Appends to `bytes` what is to be sent, until there is no more or `limit` bytes are there.
  package func writeOutput(to bytes: inout ByteBuffer, limit: Int) throws(HTTP2Error) {
    isOutputAnnounced = false
    var needed = Self.smallestOutput
    while needed > 0, bytes.readableBytes < limit {
      let rest = limit - bytes.readableBytes
      var result = Result<Int, HTTP2Error>.success(0)
      bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: needed) { space in
        output = HTTP2Output(space, limit: rest)
        result = writeFrames()
        return output.count
      }
      needed = try result.get()
    }
  }

  /// Writes frames while there is room; returns the room that the next one needs, or 0 where there is none to send.
  private func writeFrames() -> Result<Int, HTTP2Error> {
    while !output.isFull {
      if heldBack.isEmpty {
        var chunk: UnsafePointer<UInt8>?
        let length = nghttp2_session_mem_send(pointer, &chunk)
        guard length >= 0 else {
          return .failure(HTTP2Error(.internalError, by: .library, String(cString: nghttp2_strerror(Int32(length)))))
        }
        heldBack = UnsafeRawBufferPointer(start: chunk, count: length)
        if length == 0 { break }
      }
      guard output.hasRoom(for: heldBack.count) else { break }
      output.append(heldBack)
      heldBack = UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return .success(output.needed)
  }

  /// The next thing that happened, in order.
  package func nextEvent() -> HTTP2Event? { events.popFirst() }

  /// Nothing more will be received and nothing is left to send: the connection can be closed.
  package var isFinished: Bool { nghttp2_session_want_read(pointer) == 0 && nghttp2_session_want_write(pointer) == 0 }

  /// Ends every stream that is still open, because the connection is gone.
  package func connectionClosed() {
    for stream in streams {
      stream.isCutOff = true
      close(stream, .cancel)
    }
  }

  /// Gives back what a burst of streams needed.
  package func trimMemory() {
    memory.trim()
    arrivingFields.trimMemory()
    events.shrink()
    spareBuffers = []
    for stream in streams { stream.trimMemory() }
  }

  // MARK: The connection

  /// Opens a stream as a client.
  package func openStream(_ fields: HeaderFields) throws(HTTP2Error) -> HTTP2Stream {
    let stream = HTTP2Stream(id: Int32(bitPattern: nghttp2_session_get_next_stream_id(pointer)), session: self)
    var provider = stream.dataProvider()
    let id = fields.withNameValues {
      nghttp2_submit_request(
        pointer, nil, $0.baseAddress, $0.count, &provider, Unmanaged.passUnretained(stream).toOpaque())
    }
    guard id > 0 else { throw HTTP2Error(.refusedStream, by: .library, String(cString: nghttp2_strerror(id))) }
    stream.isAnnounced = true
    stream.hasAnswered = true
    add(stream)
    hasOutput()
    return stream
  }

  /// Asks the peer for an answer.
  package func ping() {
    nghttp2_submit_ping(pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
    hasOutput()
  }

  /// Tells the peer to open no new streams; those that crossed on the way are still served (RFC 9113 §6.8).
  package func announceShutdown() {
    nghttp2_submit_shutdown_notice(pointer)
    nghttp2_submit_ping(pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
    hasOutput()
  }

  /// Says which streams will be served at all; later ones are not.
  package func refuseNewStreams() {
    let last = nghttp2_session_get_last_proc_stream_id(pointer)
    nghttp2_submit_goaway(
      pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, HTTP2ErrorCode.noError.rawValue, nil, 0)
    hasOutput()
  }

  /// Ends the connection with GOAWAY and the given code.
  package func terminate(_ code: HTTP2ErrorCode) {
    guard !isTerminated else { return }
    isTerminated = true
    nghttp2_session_terminate_session(pointer, code.rawValue)
    events.append(.terminated(code))
    hasOutput()
  }

  // MARK: For streams

  /// A buffer for what a stream sends, with the memory of a stream that has ended if there is one.
  func takeBuffer() -> ByteBuffer { spareBuffers.popLast() ?? ByteBuffer() }

  func giveBack(_ buffer: consuming ByteBuffer) {
    guard spareBuffers.count < Self.buffersKept, buffer.storageCapacity <= Self.bufferSizeKept else { return }
    buffer.clear()
    spareBuffers.append(buffer)
  }

  func hasOutput() {
    guard !isOutputAnnounced else { return }
    isOutputAnnounced = true
    delegate?.sessionHasOutput()
  }

  func drained(_ stream: HTTP2Stream) { events.append(.drained(.passUnretained(stream))) }

  func consumed(_ bytes: Int, on stream: HTTP2Stream) {
    if stream.isClosed {
      nghttp2_session_consume_connection(pointer, bytes)
    } else {
      nghttp2_session_consume(pointer, stream.id, bytes)
    }
    hasOutput()
  }

  func busyStreamEnded() { busyClosedStreams -= 1 }

  // MARK: For the callbacks

  func peerOpenedStream(_ id: Int32) {
    guard streams.count + busyClosedStreams < configuration.maxConcurrentStreams else {
      nghttp2_submit_rst_stream(
        pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, HTTP2ErrorCode.refusedStream.rawValue)
      return
    }
    let stream = HTTP2Stream(id: id, session: self)
    add(stream)
    nghttp2_session_set_stream_user_data(pointer, id, Unmanaged.passUnretained(stream).toOpaque())
  }

  func headersBegan() {
    arrivingFields.removeAll()
  }

  func received(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    arrivingFields.append(name: name, value: value)
  }

  func headersEnded(on stream: HTTP2Stream) {
    guard let fields = arrivingFields.finish() else { return stream.reset(.enhanceYourCalm) }
    stream.isAnnounced = true
    events.append(.headers(.passUnretained(stream), fields))
  }

  func data(_ bytes: UnsafeBufferPointer<UInt8>, on stream: HTTP2Stream) {
    guard stream.isAnnounced else { return consumed(bytes.count, on: stream) }
    // The library hands on a part of what it was given, so the bytes need not be copied.
    let offset = inputStart.map { UnsafeRawPointer(bytes.baseAddress!) - $0 } ?? -1
    var data = input
    if offset >= 0, offset + bytes.count <= data.readableBytes {
      data.moveReaderIndex(forwardBy: offset)
      data.moveWriterIndex(to: data.readerIndex + bytes.count)
    } else {
      data = ByteBuffer(bytes: bytes)
    }
    events.append(.data(.passUnretained(stream), data))
  }

  func ended(_ stream: HTTP2Stream) {
    stream.isRemoteEnded = true
    if stream.isAnnounced { events.append(.end(.passUnretained(stream))) }
  }

  /// Our whole answer has left: asks the peer to stop sending what nobody will read (RFC 9113 §8.1).
  func sentEnd(of stream: HTTP2Stream) {
    guard role == .server else { return }
    resetBudget.earn()
    if !stream.isRemoteEnded { stream.reset(.noError) }
  }

  /// Closes a stream; returns it where nobody else has it any more, for it must outlive the call.
  @discardableResult
  func close(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) -> HTTP2Stream? {
    guard !stream.isClosed else { return nil }
    stream.close()
    if stream.isBusy { busyClosedStreams += 1 }
    let stream = remove(stream.index)
    guard stream.isAnnounced else { return stream }
    events.append(.closed(stream, code))
    return nil
  }

  /// Charges a reset to the peer unless the stream it ends had been answered.
  ///
  /// Where there is no stream, its end and the reset crossed on the way, or a reset of ours is charged instead.
  func resetReceived(on stream: HTTP2Stream) {
    if role == .server, !stream.isAnswered { chargeReset() }
  }

  /// Charges a reset of ours to the peer, which provoked it; ending an answered stream early is our own doing.
  func resetSent(_ code: HTTP2ErrorCode) {
    if role == .server, code != .noError, code != .cancel { chargeReset() }
  }

  func goAwayReceived(_ code: HTTP2ErrorCode, lastStream: Int32) {
    events.append(.goAway(code, lastStream: lastStream))
    guard role == .client else { return }
    for stream in streams where !stream.hasLeft { withdraw(stream, .refusedStream) }
  }

  /// Closes a stream of which the peer knows nothing.
  ///
  /// nghttp2 would keep one that waits for its turn until that comes, which may be long after.
  func withdraw(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    nghttp2_session_set_stream_user_data(pointer, stream.id, nil)
    stream.submitReset(code)
    close(stream, code)
  }

  func goAwaySent(_ code: HTTP2ErrorCode) {
    guard code != .noError, !isTerminated else { return }
    isTerminated = true
    events.append(.terminated(code))
  }

  func pingAcknowledged() { events.append(.pingAcknowledged) }

  /// Writes a DATA frame; false when there is no room, and the library asks again with the next `writeOutput`.
  func moveBody(_ length: Int, of stream: HTTP2Stream, behind header: UnsafePointer<UInt8>) -> Bool {
    guard !output.isFull, output.hasRoom(for: Self.frameHeaderLength + length) else { return false }
    output.append(UnsafeRawBufferPointer(start: header, count: Self.frameHeaderLength))
    stream.moveBody(length, to: &output)
    return true
  }

  private func add(_ stream: HTTP2Stream) {
    stream.index = streams.count
    streams.append(stream)
  }

  private func remove(_ index: Int) -> HTTP2Stream {
    var stream = streams.removeLast()
    guard index < streams.count else { return stream }
    stream.index = index
    swap(&stream, &streams[index])
    return stream
  }

  private func chargeReset() {
    if !resetBudget.spend(at: .now) { terminate(.enhanceYourCalm) }
  }

  private func submitSettings() {
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: UInt32(configuration.streamWindow)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(configuration.maxHeaderListSize)),
    ]
    switch role {
    case .server:
      settings.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
          value: UInt32(configuration.maxConcurrentStreams)))
    case .client:
      settings.append(
        nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    }
    nghttp2_submit_settings(pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
    nghttp2_session_set_local_window_size(
      pointer, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(configuration.connectionWindow))
  }

  private static let frameHeaderLength = 9
  /// Frames other than DATA that may wait, half a KiB each: some for every stream there may be.
  private static let framesQueued = 10_000
  /// Room that output begins with: that of a few answers.
  private static let smallestOutput = 1_024
  /// Spare buffers, small ones; none when the connection is idle.
  private static let buffersKept = 64
  private static let bufferSizeKept = 512
}

package protocol HTTP2SessionDelegate: AnyObject {
  func sessionHasOutput()
}

extension HTTP2Error {
  fileprivate init(receiveFailure code: Int32) {
    switch code {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue:
      self.init(.protocolError, by: .remote, "the connection preface is not HTTP/2's")
    case NGHTTP2_ERR_FLOODED.rawValue:
      self.init(.enhanceYourCalm, by: .remote, "too many frames that ask for an answer, while none is read")
    default:
      self.init(.internalError, by: .library, String(cString: nghttp2_strerror(code)))
    }
  }
}
