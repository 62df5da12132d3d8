// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import NIOCore

/// One of the places where Envoy has bytes of a body.
enum BodyKind: Int32 {
  case receivedRequest, bufferedRequest, receivedResponse, bufferedResponse

  /// What arrived, which is there during the body's hook alone.
  static func received(_ direction: Direction) -> BodyKind {
    direction == .request ? .receivedRequest : .receivedResponse
  }

  /// What Envoy keeps because the filter stopped it.
  static func buffered(_ direction: Direction) -> BodyKind {
    direction == .request ? .bufferedRequest : .bufferedResponse
  }
}

extension EnvoyStream {
  func bodySize(_ kind: BodyKind) -> Int { envoy_dynamic_module_callback_http_get_body_size(pointer, kind.rawValue) }

  /// The bytes in as many chunks as Envoy has them.
  func body(_ kind: BodyKind) -> [UnsafeRawBufferPointer] {
    let count = envoy_dynamic_module_callback_http_get_body_chunks_size(pointer, kind.rawValue)
    guard count > 0 else { return [] }
    return withUnsafeTemporaryAllocation(of: EnvoyBytes.self, capacity: count) { chunks in
      guard envoy_dynamic_module_callback_http_get_body_chunks(pointer, kind.rawValue, chunks.baseAddress!) else {
        return []
      }
      return chunks.map(\.buffer)
    }
  }

  func drainBody(_ kind: BodyKind) {
    let size = bodySize(kind)
    if size > 0 { _ = envoy_dynamic_module_callback_http_drain_body(pointer, kind.rawValue, size) }
  }

  /// Appends bytes; false where there is no such place now.
  @discardableResult
  func appendBody(_ bytes: ByteBuffer, _ kind: BodyKind) -> Bool {
    bytes.withUnsafeReadableBytes {
      envoy_dynamic_module_callback_http_append_body(pointer, kind.rawValue, EnvoyBytes($0))
    }
  }

  /// What arrives is what a filter before this one had buffered, and the same bytes as what is buffered.
  func isReceivedBuffered(_ direction: Direction) -> Bool {
    switch direction {
    case .request: envoy_dynamic_module_callback_http_received_buffered_request_body(pointer)
    case .response: envoy_dynamic_module_callback_http_received_buffered_response_body(pointer)
    }
  }

  /// Has Envoy buffer at least so many bytes.
  func raiseBufferLimit(to limit: Int) {
    guard envoy_dynamic_module_callback_http_get_buffer_limit(pointer) < UInt64(limit) else { return }
    envoy_dynamic_module_callback_http_set_buffer_limit(pointer, UInt64(limit))
  }
}
