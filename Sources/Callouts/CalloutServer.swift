// SPDX-License-Identifier: Apache-2.0

/// Answers what a proxy asks about each HTTP exchange: subclass it and override hooks.
///
/// One object serves all exchanges at once, so a subclass is `Sendable`: what it stores is constant, or guarded.
/// What belongs to one exchange goes into the `CalloutContext`. Hooks of one exchange run one at a time, in order,
/// on the event loop of their connection: they may wait with `await`, but must not block or compute for long, unless
/// `configuration` moves them off the loop.
///
/// A hook that is not overridden lets its part pass unchanged, in the form that the proxy's mode needs.
open class CalloutServer: @unchecked Sendable {
  // Unchecked because a class that is open cannot be checked; this one stores nothing.

  public required init() {}

  /// How hooks are run, and what happens when one fails; read once, when serving begins.
  open var configuration: Configuration { Configuration() }

  /// The request's headers arrived.
  open func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .continue
  }

  /// A piece of the request's body arrived, or the whole of it in the BUFFERED mode.
  open func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    try await onBody(body, direction: .request, context: context)
  }

  /// The request's trailers arrived.
  open func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .continue
  }

  /// The response's headers arrived.
  open func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .continue
  }

  /// A piece of the response's body arrived, or the whole of it in the BUFFERED mode.
  open func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    try await onBody(body, direction: .response, context: context)
  }

  /// The response's trailers arrived.
  open func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .continue
  }

  /// A piece of a body arrived in either direction; the two body hooks call this unless they are overridden.
  open func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    .continue
  }

  /// A request arrives that is handled as a stream, because `configuration.requestBody` says so; this is asked in
  /// place of the hooks for its headers, body and trailers.
  ///
  /// What arrives and what goes on may be in any relation; the writers keep the order of headers, body and trailers.
  /// A hook of the other direction may run meanwhile, on the same event loop.
  open func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await reply.send().passRest()
  }

  /// A response arrives that is handled as a stream, because `configuration.responseBody` says so.
  open func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    try await reply.send().passRest()
  }

  /// Answers a whole request; the hooks above are called from here.
  open func process(_ request: ProcessingRequest, context: CalloutContext) async throws -> ProcessingResponse {
    switch request.phase {
    case .requestHeaders: .requestHeaders(try await onRequestHeaders(request.headers(), context: context))
    case .responseHeaders: .responseHeaders(try await onResponseHeaders(request.headers(), context: context))
    case .requestBody: .requestBody(try await onRequestBody(request.body(), context: context))
    case .responseBody: .responseBody(try await onResponseBody(request.body(), context: context))
    case .requestTrailers: .requestTrailers(try await onRequestTrailers(request.headers(), context: context))
    case .responseTrailers: .responseTrailers(try await onResponseTrailers(request.headers(), context: context))
    case nil: throw CalloutError(.malformedRequest, "the request asks about nothing")
    }
  }

  /// The stream is over; called once for each, after its last hook, however it ended. It must not block.
  open func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) {}
}

/// How a stream ended.
public enum StreamEnding: Sendable {
  /// Everything that was asked had been answered. Envoy then resets the stream, which is no error.
  case completed
  /// The proxy gave the stream up, or the connection was lost, with an answer outstanding.
  case cancelled
  /// We ended it, because of this error.
  case failed(any Error)
  /// The deadline that the proxy set for the stream passed.
  case deadlineExceeded
  /// The server shut down before the stream had ended.
  case shutDown
}
