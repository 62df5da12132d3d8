// SPDX-License-Identifier: Apache-2.0
import ExtProc
import Testing

@testable import AddHeader

@Suite("Overridden hooks")
struct OverriddenHooksTests {
  @Test("each hook is seen where it alone is overridden", arguments: CalloutServer.Hook.allCases)
  func alone(hook: CalloutServer.Hook) {
    #expect(Self.overriding(hook).overriddenHooks == [hook])
  }

  @Test("a server that overrides nothing, or only the configuration, has none")
  func none() {
    #expect(CalloutServer().overriddenHooks == [])
    #expect(OnlyConfiguration().overriddenHooks == [])
  }

  @Test("hooks are seen in a program's class, by inheritance, in generic classes and in other forms")
  func forms() {
    #expect(AddHeader().overriddenHooks == [.requestHeaders, .responseHeaders])
    #expect(Inheriting().overriddenHooks == [.requestHeaders, .body])
    #expect(Generic<Int>().overriddenHooks == [.responseHeaders])
    #expect(OfGeneric().overriddenHooks == [.responseHeaders, .streamEnd])
    #expect(Unthrowing().overriddenHooks == [.requestTrailers])
    #expect(WithMembers().overriddenHooks == [.requestBody])
  }

  private static func overriding(_ hook: CalloutServer.Hook) -> CalloutServer {
    switch hook {
    case .requestHeaders: RequestHeaders()
    case .responseHeaders: ResponseHeaders()
    case .requestBody: RequestBody()
    case .responseBody: ResponseBody()
    case .body: Body()
    case .requestTrailers: RequestTrailers()
    case .responseTrailers: ResponseTrailers()
    case .requestStream: RequestStream()
    case .responseStream: ResponseStream()
    case .process: Whole()
    case .streamEnd: StreamEnd()
    }
  }
}

private class RequestHeaders: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["a": "b"])
  }
}

private final class ResponseHeaders: CalloutServer, @unchecked Sendable {
  // Does what is done without it, and counts nevertheless.
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .continue
  }
}

private final class RequestBody: CalloutServer, @unchecked Sendable {
  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply { .clear }
}

private final class ResponseBody: CalloutServer, @unchecked Sendable {
  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply { .clear }
}

private final class Body: CalloutServer, @unchecked Sendable {
  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    .clear
  }
}

private final class RequestTrailers: CalloutServer, @unchecked Sendable {
  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .mutate(set: ["a": "b"])
  }
}

private final class ResponseTrailers: CalloutServer, @unchecked Sendable {
  override func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .mutate(set: ["a": "b"])
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

private final class Whole: CalloutServer, @unchecked Sendable {
  override func process(_ request: ProcessingRequest, context: CalloutContext) async throws -> ProcessingResponse {
    .requestHeaders(.continue)
  }
}

private final class StreamEnd: CalloutServer, @unchecked Sendable {
  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { _ = context }
}

private final class OnlyConfiguration: CalloutServer, @unchecked Sendable {
  override var configuration: Configuration { Configuration() }
}

private final class Inheriting: RequestHeaders, @unchecked Sendable {
  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    .clear
  }
}

private class Generic<Value: Sendable>: CalloutServer, @unchecked Sendable {
  private let values: [Value] = []

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["count": "\(values.count)"])
  }
}

private final class OfGeneric: Generic<String>, @unchecked Sendable {
  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { _ = context }
}

private final class Unthrowing: CalloutServer, @unchecked Sendable {
  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async -> TrailersReply { .continue }
}

/// What it stores and adds stands behind the words of its base.
private class WithMembers: CalloutServer, @unchecked Sendable {
  private let text = "text"
  private let number: Int

  required init() { number = 7 }

  func onRequestHeaders() -> String { "\(text) \(number)" }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace(onRequestHeaders())
  }
}
