// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

// An answer to the client, piece by piece. Envoy sends what a filter gives it, so that it is for us to send no body
// where none may be: the next response of an HTTP/1 connection would be taken for it.
extension FilterStream {
  final func sendHeaders(_ status: Int, _ headers: AnswerHeaders, endOfStream: Bool) {
    hasNoBody = envoy.hasNoBody(status)
    envoy.sendResponseHeaders(status, headers, endOfStream: endOfStream || hasNoBody)
  }

  final func sendData(_ bytes: ByteBuffer, endOfStream: Bool) {
    guard !hasNoBody else { return }
    written += bytes.readableBytes
    envoy.sendResponseData(bytes, endOfStream: endOfStream)
  }

  final func sendTrailers(_ trailers: AnswerHeaders) {
    if !hasNoBody { envoy.sendResponseTrailers(trailers) }
  }
}
