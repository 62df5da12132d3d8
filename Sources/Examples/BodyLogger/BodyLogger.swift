// SPDX-License-Identifier: Apache-2.0

// Logs each message whole, headers, body and trailers, while it passes piece by piece in full duplex, and says in its
// trailers, where it has some, how long the body was.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, request_body_mode and
// response_body_mode: FULL_DUPLEX_STREAMED, request_trailer_mode: SEND, response_trailer_mode: SEND.

import ExtProc
import NIOCore

@main
final class BodyLogger: CalloutServer, @unchecked Sendable {
  /// Bytes of a body that are logged; the rest is only counted.
  private static let logged = 16 * 1_024

  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.requestBody = .stream
    configuration.responseBody = .stream
    return configuration
  }

  override func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await log(request, reply, context)
  }

  override func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await log(response, reply, context)
  }

  private func log(
    _ message: IncomingMessage, _ reply: consuming HeadersWriter, _ context: CalloutContext
  ) async throws {
    let writer = try await reply.send()
    var start = ByteBuffer()
    var length = 0
    for try await piece in message.body {
      length += piece.bytes.readableBytes
      start.writeBytes(piece.bytes.readableBytesView.prefix(Self.logged - start.readableBytes))
      try await writer.write(piece)
    }
    context.logger.info(
      "\(message.direction)",
      metadata: [
        "headers": "\(text(message.headers))", "body": "\(String(buffer: start))", "length": "\(length)",
        "trailers": "\(message.trailers.map(text) ?? "none")",
      ])
    try await writer.finish(trailers: .mutate(set: ["x-body-length": "\(length)"]))
  }

  private func text(_ headers: HTTPHeaders) -> String {
    headers.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
  }
}
