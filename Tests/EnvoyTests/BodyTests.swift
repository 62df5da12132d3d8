// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import Testing

@testable import Basic

/// Writes each piece of a body twice.
private final class Doubling: CalloutServer, @unchecked Sendable {
  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    var twice = body.bytes
    twice.writeImmutableBuffer(body.bytes)
    return .replace(twice)
  }
}

/// Adds a trailer each way.
private final class AddTrailer: CalloutServer, @unchecked Sendable {
  override func onRequestTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .mutate(set: ["x-added": trailers["x-request"] ?? "missing"])
  }
  override func onResponseTrailers(_ trailers: HTTPHeaders, context: CalloutContext) async throws -> TrailersReply {
    .mutate(set: ["x-added": trailers["x-response"] ?? "missing"], remove: ["x-response"])
  }
}

@Suite(
  "Bodies and trailers behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct BodyTests {
  static let modes: [BodySendMode] = [.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed]
  private static let long = String(repeating: "0123456789abcdef", count: 20_000)

  private func everything(_ body: BodySendMode) -> (inout ProcessingMode) -> Void {
    { mode in
      (mode.requestHeaderMode, mode.responseHeaderMode) = (.send, .send)
      (mode.requestTrailerMode, mode.responseTrailerMode) = (.send, .send)
      (mode.requestBodyMode, mode.responseBodyMode) = (body, body)
    }
  }

  /// Answers with the request's body alone.
  private static let mirror: HTTPUpstream.Responder = { request in
    var response = HTTPResponse(isChunked: request.isChunked)
    response.body = request.body
    response.fields.add("x-length", request.fields["content-length"] ?? "none")
    return response
  }

  @Test("Basic changes headers and both bodies in BUFFERED, each with the right length", arguments: [false, true])
  func basic(isChunked: Bool) async throws {
    let filter: (inout EnvoyConfiguration.Callout) -> Void = { $0.allowAllRouting = true }
    let seen = Seen()
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return HTTPResponse(body: "to be cleared")
    }
    try await withEnvoyProxy(Basic(), upstream: upstream, mode: everything(.buffered), filter: filter) { proxy in
      let request = HTTPRequest("POST", "/path", fields: ["foo": "1"], body: "short", isChunked: isChunked)
      let response = try await proxy.connect().send(request)
      #expect(response.status == 200, "\(proxy.envoy.log)")
      #expect(response.text == "")
      #expect(response.fields["content-length"] == "0")
      #expect(response.fields["hello"] == "service-extensions")
      let changed = try #require(seen.last)
      #expect(changed.path == "/")
      #expect(changed.fields["host"] == "service-extensions.com")
      #expect(changed.fields["header-request"] == "request")
      #expect(changed.fields["foo"] == nil)
      #expect(String(buffer: changed.body) == "replaced-body")
      if !isChunked { #expect(changed.fields["content-length"] == "13") }
    }
  }

  @Test("a long body passes a callout that overrides nothing in every mode", arguments: modes, EnvoyProxy.Wire.allCases)
  func passThrough(mode: BodySendMode, wire: EnvoyProxy.Wire) async throws {
    try await withEnvoyProxy(CalloutServer(), over: wire, upstream: Self.mirror, mode: everything(mode)) { proxy in
      let connection = try await proxy.connect()
      for isChunked in [false, true] {
        let request = HTTPRequest("POST", body: Self.long, isChunked: isChunked)
        let response = try await connection.send(request)
        #expect(response.status == 200, "\(proxy.envoy.log)")
        #expect(response.text == Self.long)
      }
      let response = try await connection.get("/")
      #expect(response.status == 200)
    }
  }

  @Test("a body becomes longer in every mode that shows it", arguments: modes.dropFirst())
  func doubling(mode: BodySendMode) async throws {
    try await withEnvoyProxy(Doubling(), upstream: Self.mirror, mode: everything(mode)) { proxy in
      let connection = try await proxy.connect()
      for isChunked in [false, true] {
        // One byte again and again, so that it does not matter how Envoy cuts the body.
        let body = String(repeating: "x", count: 100_000)
        let response = try await connection.send(HTTPRequest("POST", body: body, isChunked: isChunked))
        #expect(response.status == 200, "\(proxy.envoy.log)")
        #expect(response.body.readableBytes == 400_000)
        if mode == .buffered, !isChunked { #expect(response.fields["x-length"] == "200000") }
      }
    }
  }

  @Test("trailers are changed in both directions", arguments: [BodySendMode.none, .buffered, .fullDuplexStreamed])
  func trailers(mode: BodySendMode) async throws {
    let seen = Seen()
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return HTTPResponse(body: "body", trailers: ["x-response": "2"])
    }
    try await withEnvoyProxy(AddTrailer(), upstream: upstream, mode: everything(mode)) { proxy in
      let request = HTTPRequest("POST", body: "body", trailers: ["x-request": "1"])
      let response = try await proxy.connect().send(request)
      #expect(response.status == 200, "\(proxy.envoy.log)")
      #expect(response.text == "body")
      #expect(response.trailers["x-added"] == "2")
      #expect(response.trailers["x-response"] == nil)
      #expect(seen.last?.trailers["x-added"] == "1")
      #expect(seen.last?.trailers["x-request"] == "1")
    }
  }
}
