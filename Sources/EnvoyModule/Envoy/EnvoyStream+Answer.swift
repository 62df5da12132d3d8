// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import NIOCore

/// The headers of an answer, in order.
typealias AnswerHeaders = [(name: String, value: [UInt8])]

extension EnvoyStream {
  /// Answers the client at once. Envoy may destroy the filter meanwhile.
  func sendResponse(_ status: Int, _ headers: AnswerHeaders, _ body: ByteBuffer, details: String) {
    withEnvoyHeaders(headers) { headers, count in
      body.withUnsafeReadableBytes { body in
        details.withEnvoyBytes {
          envoy_dynamic_module_callback_http_send_response(
            pointer, UInt32(status), headers, count, EnvoyBytes(body), $0)
        }
      }
    }
  }

  /// A response with this status has no body, for its status or for the request's method. Source: RFC 9110 §6.4.1.
  func hasNoBody(_ status: Int) -> Bool {
    status < 200 || status == 204 || status == 304 || isHead
  }

  var isHead: Bool { header(":method", .requestHeaders) == "HEAD" }

  /// The response's.
  var status: Int { header(":status", .responseHeaders).flatMap { Int($0) } ?? 500 }

  /// Begins an answer.
  func sendResponseHeaders(_ status: Int, _ headers: AnswerHeaders, endOfStream: Bool) {
    withEnvoyHeaders([(":status", Array("\(status)".utf8))] + headers) {
      envoy_dynamic_module_callback_http_send_response_headers(pointer, $0, $1, endOfStream)
    }
  }

  func sendResponseData(_ bytes: ByteBuffer, endOfStream: Bool) {
    bytes.withUnsafeReadableBytes {
      envoy_dynamic_module_callback_http_send_response_data(pointer, EnvoyBytes($0), endOfStream)
    }
  }

  /// Ends an answer.
  func sendResponseTrailers(_ trailers: AnswerHeaders) {
    withEnvoyHeaders(trailers) { envoy_dynamic_module_callback_http_send_response_trailers(pointer, $0, $1) }
  }

  private func withEnvoyHeaders(_ headers: AnswerHeaders, _ body: (UnsafePointer<EnvoyHeader>?, Int) -> Void) {
    var bytes: [UInt8] = []
    for header in headers {
      bytes += header.name.utf8
      bytes += header.value
    }
    bytes.withUnsafeBytes { bytes in
      var rest = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      let all = headers.map { header in
        let name = rest
        let value = name.map { $0 + header.name.utf8.count }
        rest = value.map { $0 + header.value.count }
        return EnvoyHeader(
          name: name, nameLength: header.name.utf8.count, value: value, valueLength: header.value.count)
      }
      all.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
  }
}
