// SPDX-License-Identifier: Apache-2.0
internal import CNghttp2

/// The functions that nghttp2 calls. Each translates its arguments and forwards them to the session.
struct HTTP2Callbacks: @unchecked Sendable {
  // Unchecked: both are written here and only read by nghttp2 ever after.
  let pointer: OpaquePointer
  let options: OpaquePointer

  static let shared = HTTP2Callbacks()

  private init() {
    var callbacks: OpaquePointer?
    var options: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    nghttp2_option_new(&options)
    pointer = callbacks!
    self.options = options!
    configure(options!)
    registerReceiving(callbacks!)
    registerSending(callbacks!)
  }

  private func configure(_ options: OpaquePointer) {
    // Credit is given back when bytes were dealt with, not when they arrived: that is our backpressure.
    nghttp2_option_set_no_auto_window_update(options, 1)
    // Envoy resets every stream it is done with, so the library's own limit would end good connections.
    // `ResetBudget` counts those that matter.
    nghttp2_option_set_stream_reset_rate_limit(options, .max, .max)
    // Closed streams are kept only for priorities, which nobody here uses.
    nghttp2_option_set_no_closed_streams(options, 1)
  }

  private func registerReceiving(_ callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
      HTTP2Callbacks.withSession(user) { $0.headersBegan(frame!.pointee) }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameLength, value, valueLength, _, user in
      HTTP2Callbacks.withSession(user) {
        $0.received(
          name: UnsafeBufferPointer(start: name, count: nameLength),
          value: UnsafeBufferPointer(start: value, count: valueLength))
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { session, _, id, bytes, length, user in
      let data = UnsafeBufferPointer(start: bytes, count: length)
      if let stream = nghttp2_session_get_stream_user_data(session, id) {
        HTTP2Callbacks.withSession(user) { session in
          HTTP2Callbacks.withStream(stream) { session.data(data, on: $0) }
        }
      } else {
        nghttp2_session_consume(session, id, length)
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, user in
      HTTP2Callbacks.withSession(user) { $0.received(frame!) }
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, id, code, user in
      guard let pointer = nghttp2_session_get_stream_user_data(session, id) else { return 0 }
      _ = HTTP2Callbacks.withSession(user) { session in
        HTTP2Callbacks.withStream(pointer) { session.close($0, HTTP2ErrorCode(rawValue: code)) }
      }
      return 0
    }
  }

  private func registerSending(_ callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, length, source, user in
      let isWritten = HTTP2Callbacks.withSession(user) { session in
        HTTP2Callbacks.withStream(source!.pointee.ptr) { session.moveBody(length, of: $0, behind: header!) }
      }
      return isWritten ? 0 : NGHTTP2_ERR_WOULDBLOCK.rawValue
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, user in
      HTTP2Callbacks.withSession(user) { $0.sent(frame!) }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { session, frame, error, _ in
      // An answer's header section too large to be sent would leave the peer waiting for it for ever.
      let frame = frame!.pointee
      guard frame.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return 0 }
      if error == NGHTTP2_ERR_FRAME_SIZE_ERROR.rawValue, frame.headers.cat != NGHTTP2_HCAT_REQUEST {
        HTTP2Callbacks.withStream(session, frame.hd.stream_id) { $0.reset(.internalError) }
      }
      return 0
    }
  }

  /// Tells nghttp2 how much of a stream's body can go out; the bytes themselves follow in `moveBody`.
  static let readBody: nghttp2_data_source_read_callback = { _, _, _, limit, flags, source, _ in
    withStream(source!.pointee.ptr) { $0.offerBody(limit: limit, flags: flags!) }
  }

  // nghttp2 keeps these pointers for us; the objects behind them live longer than the call, so nothing is counted.

  private static func withSession<Result>(
    _ pointer: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Result
  ) -> Result {
    Unmanaged<HTTP2Session>.fromOpaque(pointer!)._withUnsafeGuaranteedRef(body)
  }

  private static func withStream<Result>(
    _ pointer: UnsafeMutableRawPointer, _ body: (HTTP2Stream) -> Result
  ) -> Result {
    Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
  }

  /// Calls `body` with the stream of an id, if there is one.
  fileprivate static func withStream(_ session: OpaquePointer?, _ id: Int32, _ body: (HTTP2Stream) -> Void) {
    guard id != 0, let pointer = nghttp2_session_get_stream_user_data(session, id) else { return }
    withStream(pointer, body)
  }
}

extension HTTP2Session {
  fileprivate func headersBegan(_ frame: nghttp2_frame) {
    headersBegan()
    if frame.headers.cat == NGHTTP2_HCAT_REQUEST { peerOpenedStream(frame.hd.stream_id) }
  }

  fileprivate func received(_ frame: UnsafePointer<nghttp2_frame>) {
    switch UInt32(frame.pointee.hd.type) {
    case NGHTTP2_DATA.rawValue:
      if frame.pointee.hd.endsStream { withStream(of: frame) { ended($0) } }
    case NGHTTP2_HEADERS.rawValue:
      withStream(of: frame) { stream in
        headersEnded(on: stream)
        if frame.pointee.hd.endsStream { ended(stream) }
      }
    case NGHTTP2_RST_STREAM.rawValue: withStream(of: frame) { resetReceived(on: $0) }
    case NGHTTP2_SETTINGS.rawValue: isEstablished = true
    case NGHTTP2_PING.rawValue:
      if frame.pointee.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { pingAcknowledged() }
    case NGHTTP2_GOAWAY.rawValue:
      let goAway = frame.pointee.goaway
      goAwayReceived(HTTP2ErrorCode(rawValue: goAway.error_code), lastStream: goAway.last_stream_id)
    default: break
    }
  }

  fileprivate func sent(_ frame: UnsafePointer<nghttp2_frame>) {
    switch UInt32(frame.pointee.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      if role == .client { withStream(of: frame) { $0.hasLeft = true } }
      if frame.pointee.hd.endsStream { withStream(of: frame) { sentEnd(of: $0) } }
    case NGHTTP2_DATA.rawValue:
      if frame.pointee.hd.endsStream { withStream(of: frame) { sentEnd(of: $0) } }
    case NGHTTP2_RST_STREAM.rawValue: resetSent(HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code))
    case NGHTTP2_GOAWAY.rawValue: goAwaySent(HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code))
    default: break
    }
  }

  private func withStream(of frame: UnsafePointer<nghttp2_frame>, _ body: (HTTP2Stream) -> Void) {
    HTTP2Callbacks.withStream(pointer, frame.pointee.hd.stream_id, body)
  }
}

extension nghttp2_frame_hd {
  fileprivate var endsStream: Bool { flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 }
}
