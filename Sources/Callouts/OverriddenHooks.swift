// SPDX-License-Identifier: Apache-2.0

extension CalloutServer {
  /// A hook that a subclass may override.
  package enum Hook: Sendable, CaseIterable {
    case requestHeaders, responseHeaders, requestBody, responseBody, body, requestTrailers, responseTrailers
    case requestStream, responseStream, process, streamEnd
  }

  /// The hooks that this object's class overrides, or nil where that cannot be told.
  package var overriddenHooks: Set<Hook>? { finder?.members(overriddenBy: type(of: self)) }

  /// `process` may do something else than to ask the hooks.
  package var overridesProcess: Bool { overriddenHooks?.contains(.process) ?? true }
}

private let finder = OverrideFinder<CalloutServer.Hook>(
  base: CalloutServer.self, plain: Plain.self,
  overriding: [
    .requestHeaders: RequestHeaders.self, .responseHeaders: ResponseHeaders.self, .requestBody: RequestBody.self,
    .responseBody: ResponseBody.self, .body: Body.self, .requestTrailers: RequestTrailers.self,
    .responseTrailers: ResponseTrailers.self, .requestStream: RequestStream.self, .responseStream: ResponseStream.self,
    .process: Process.self, .streamEnd: StreamEnd.self,
  ])

// What the finder learns from; nobody makes an object of these. Each does something else than its base, lest a linker
// make one of both.

private final class Plain: CalloutServer, @unchecked Sendable {}

private final class RequestHeaders: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    throw CancellationError()
  }
}

private final class ResponseHeaders: CalloutServer, @unchecked Sendable {
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    throw CancellationError()
  }
}

private final class RequestBody: CalloutServer, @unchecked Sendable {
  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    throw CancellationError()
  }
}

private final class ResponseBody: CalloutServer, @unchecked Sendable {
  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    throw CancellationError()
  }
}

private final class Body: CalloutServer, @unchecked Sendable {
  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    throw CancellationError()
  }
}

private final class RequestTrailers: CalloutServer, @unchecked Sendable {
  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    throw CancellationError()
  }
}

private final class ResponseTrailers: CalloutServer, @unchecked Sendable {
  override func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    throw CancellationError()
  }
}

private final class RequestStream: CalloutServer, @unchecked Sendable {
  override func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    throw CancellationError()
  }
}

private final class ResponseStream: CalloutServer, @unchecked Sendable {
  override func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    throw CancellationError()
  }
}

private final class Process: CalloutServer, @unchecked Sendable {
  override func process(_ request: ProcessingRequest, context: CalloutContext) async throws -> ProcessingResponse {
    throw CancellationError()
  }
}

private final class StreamEnd: CalloutServer, @unchecked Sendable {
  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { fatalError("never called") }
}
