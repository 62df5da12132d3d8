// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting

/// A callout whose hooks and configuration a test gives.
final class Given: CalloutServer, @unchecked Sendable {
  typealias Headers = @Sendable (HTTPHeaders, CalloutContext) async throws -> HeadersReply
  typealias Body = @Sendable (HTTPBody, CalloutContext) async throws -> BodyReply
  typealias Trailers = @Sendable (HTTPHeaders, CalloutContext) async throws -> TrailersReply
  typealias Stream = @Sendable (IncomingMessage, consuming HeadersWriter) async throws -> Void

  private var settings = Configuration()
  private var headers: Headers = { _, _ in .continue }
  private var body: Body = { _, _ in .continue }
  private var trailers: Trailers = { _, _ in .continue }
  private var stream: Stream = { message, reply in try await reply.send().passRest() }

  convenience init(
    _ configure: (inout Configuration) -> Void = { _ in }, headers: @escaping Headers = { _, _ in .continue },
    body: @escaping Body = { _, _ in .continue }, trailers: @escaping Trailers = { _, _ in .continue },
    stream: @escaping Stream = { message, reply in try await reply.send().passRest() }
  ) {
    self.init()
    configure(&settings)
    self.headers = headers
    self.body = body
    self.trailers = trailers
    self.stream = stream
  }

  override var configuration: Configuration { settings }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try await self.headers(headers, context)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try await self.headers(headers, context)
  }

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    try await self.body(body, context)
  }

  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    try await self.trailers(trailers, context)
  }

  override func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    try await self.trailers(trailers, context)
  }

  override func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await stream(request, reply)
  }

  override func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await stream(response, reply)
  }
}

extension ProcessingResponseMessage {
  /// The body as a plain reply has it.
  var plainBody: String? {
    let mutation = (requestBody.hasResponse ? requestBody : responseBody).response.bodyMutation
    return switch mutation.mutation {
    case .body(let bytes): String(decoding: bytes, as: UTF8.self)
    case .clearBody_p(true): ""
    default: nil
    }
  }

  /// What a full-duplex reply says of the request's body: its text, with a dot where it ends the stream.
  var streamed: String {
    let piece = requestBody.response.bodyMutation.streamedResponse
    return String(decoding: piece.body, as: UTF8.self) + (piece.endOfStream ? "." : "")
  }
}
