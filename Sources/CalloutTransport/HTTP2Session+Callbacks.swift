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
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { session, frame, user in
      let session = HTTP2Callbacks.session(user)
      session.headersBegan()
      if frame!.pointee.headers.cat == NGHTTP2_HCAT_REQUEST { session.peerOpenedStream(frame!.pointee.hd.stream_id) }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameLength, value, valueLength, _, user in
      HTTP2Callbacks.session(user).received(
        name: UnsafeBufferPointer(start: name, count: nameLength),
        value: UnsafeBufferPointer(start: value, count: valueLength))
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { session, _, id, bytes, length, user in
      if let stream = HTTP2Callbacks.stream(session, id) {
        HTTP2Callbacks.session(user).data(UnsafeBufferPointer(start: bytes, count: length), on: stream)
      } else {
        nghttp2_session_consume(session, id, length)
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, user in
      HTTP2Callbacks.received(frame!.pointee, on: HTTP2Callbacks.session(user))
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, id, code, user in
      guard let stream = HTTP2Callbacks.stream(session, id) else { return 0 }
      HTTP2Callbacks.session(user).close(stream, HTTP2ErrorCode(rawValue: code))
      return 0
    }
  }

  private func registerSending(_ callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, length, source, user in
      HTTP2Callbacks.session(user).moveBody(
        length, of: HTTP2Callbacks.stream(source!.pointee.ptr), behind: header!)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, user in
      let frame = frame!.pointee
      switch UInt32(frame.hd.type) {
      case NGHTTP2_RST_STREAM.rawValue:
        HTTP2Callbacks.session(user).resetSent(HTTP2ErrorCode(rawValue: frame.rst_stream.error_code))
      case NGHTTP2_GOAWAY.rawValue:
        HTTP2Callbacks.session(user).goAwaySent(HTTP2ErrorCode(rawValue: frame.goaway.error_code))
      case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
        if frame.hd.endsStream, let stream = HTTP2Callbacks.stream(session, frame.hd.stream_id) {
          HTTP2Callbacks.session(user).sentEnd(of: stream)
        }
      default: break
      }
      return 0
    }
  }

  /// Tells nghttp2 how much of a stream's body can go out; the bytes themselves follow in `moveBody`.
  static let readBody: nghttp2_data_source_read_callback = { _, _, _, limit, flags, source, _ in
    stream(source!.pointee.ptr).offerBody(limit: limit, flags: flags!)
  }

  private static func received(_ frame: nghttp2_frame, on session: HTTP2Session) {
    let stream = frame.hd.stream_id == 0 ? nil : stream(session.pointer, frame.hd.stream_id)
    switch UInt32(frame.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      guard let stream else { return }
      session.headersEnded(on: stream)
      if frame.hd.endsStream { session.ended(stream) }
    case NGHTTP2_DATA.rawValue:
      if let stream, frame.hd.endsStream { session.ended(stream) }
    case NGHTTP2_RST_STREAM.rawValue:
      session.resetReceived(on: stream)
    case NGHTTP2_SETTINGS.rawValue:
      session.isEstablished = true
    case NGHTTP2_PING.rawValue:
      if frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { session.pingAcknowledged() }
    case NGHTTP2_GOAWAY.rawValue:
      session.goAwayReceived(
        HTTP2ErrorCode(rawValue: frame.goaway.error_code), lastStream: frame.goaway.last_stream_id)
    default: break
    }
  }

  private static func session(_ user: UnsafeMutableRawPointer?) -> HTTP2Session {
    Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0 }
  }

  private static func stream(_ session: OpaquePointer?, _ id: Int32) -> HTTP2Stream? {
    nghttp2_session_get_stream_user_data(session, id).map(stream)
  }

  private static func stream(_ pointer: UnsafeMutableRawPointer) -> HTTP2Stream {
    Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0 }
  }
}

extension nghttp2_frame_hd {
  fileprivate var endsStream: Bool { flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 }
}
