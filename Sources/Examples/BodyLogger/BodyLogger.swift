// SPDX-License-Identifier: Apache-2.0

// Collects each message whole in full duplex, and logs its headers, body and trailers; only then it goes on, the body in
// chunks, with a header that says how long it is. An exchange with a body over 4 MiB fails.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, request_body_mode and
// response_body_mode: FULL_DUPLEX_STREAMED, request_trailer_mode: SEND, response_trailer_mode: SEND.

import ExtProc
import NIOCore

@main
final class BodyLogger: CalloutServer, @unchecked Sendable {
  private static let maxBody = 4 << 20
  private static let secrets: Set = ["authorization", "cookie", "proxy-authorization", "set-cookie"]

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
    let body = try await message.collectBody(upTo: Self.maxBody)
    // Escaped, for a client must not be able to write lines of the log.
    context.logger.info(
      "\(message.direction)",
      metadata: [
        "headers": "\(text(message.headers))", "body": "\(String(buffer: body).debugDescription)",
        "trailers": "\(message.trailers.map(text) ?? "none")",
      ])
    let writer = try await reply.send(.mutate(set: ["x-body-length": "\(body.readableBytes)"]))
    if body.readableBytes > 0 { try await writer.write(body) }
    try await writer.finish(trailers: .mutate(set: ["x-logged": "yes"]))
  }

  private func text(_ headers: HTTPHeaders) -> String {
    headers.map { name, value in "\(name): \(Self.secrets.contains(name) ? "..." : value.debugDescription)" }
      .joined(separator: ", ")
  }
}
