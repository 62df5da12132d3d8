// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import Testing

/// Makes whole bodies longer, and counts how often it is asked.
private final class Framing: CalloutServer, @unchecked Sendable {
  private var settings = Configuration()

  /// - Parameter messageTimeout: by default as withEnvoyProxy configures Envoy.
  convenience init(
    _ handling: BodyHandling, messageTimeout: Duration = .seconds(10), policy: FailurePolicy = .failStream
  ) {
    self.init()
    settings.requestBody = handling
    settings.responseBody = handling
    settings.messageTimeout = messageTimeout
    settings.failurePolicy = PerPhase(policy)
  }

  override var configuration: Configuration { settings }

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    .replace("<" + body.string + ">")
  }
}

/// Lets bodies pass as streams, in capitals.
private final class Capitals: CalloutServer, @unchecked Sendable {
  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.requestBody = .stream
    configuration.responseBody = .stream
    return configuration
  }

  override func onRequestStream(
    _ request: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    let body = try await reply.send(.mutate(set: ["x-stream": "1"]))
    for try await piece in request.body { try await body.write(piece.string.uppercased()) }
    try await body.finish(trailers: .mutate(set: ["x-trailer": request.trailers?["x-request"] ?? "none"]))
  }

  /// Answers the headers only when the whole body is there.
  override func onResponseStream(
    _ response: IncomingMessage, reply: consuming HeadersWriter, context: CalloutContext
  ) async throws {
    let all = try await response.collectBody(upTo: 10 << 20)
    let body = try await reply.send(.mutate(set: ["x-length": "\(all.readableBytes)"], remove: ["content-length"]))
    try await body.write(all)
  }
}

@Suite(
  "Bodies as a user thinks of them, behind Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(2)))
struct WholeBodyTests {
  private static let long = String(repeating: "0123456789abcdef", count: 20_000)

  private static let mirror: HTTPUpstream.Responder = { request in
    var response = HTTPResponse(isChunked: request.isChunked)
    response.body = request.body
    for name in ["x-stream", "content-length"] {
      response.fields.add("seen-\(name)", request.fields[name] ?? "none")
    }
    response.fields.add("seen-trailer", request.trailers["x-trailer"] ?? "none")
    return response
  }

  private func sending(_ body: BodySendMode, trailers: Bool = true) -> (inout ProcessingMode) -> Void {
    { mode in
      (mode.requestHeaderMode, mode.responseHeaderMode) = (.send, .send)
      if trailers { (mode.requestTrailerMode, mode.responseTrailerMode) = (.send, .send) }
      (mode.requestBodyMode, mode.responseBodyMode) = (body, body)
    }
  }

  @Test(
    "a callout gets a body whole in each mode that shows it, and replaces it whole",
    arguments: [BodySendMode.streamed, .buffered, .bufferedPartial, .fullDuplexStreamed])
  func whole(mode: BodySendMode) async throws {
    try await withEnvoyProxy(Framing(.whole()), upstream: Self.mirror, mode: sending(mode)) { proxy in
      let connection = try await proxy.connect()
      for isChunked in [false, true] {
        for body in ["short", Self.long] {
          let response = try await connection.send(HTTPRequest("POST", body: body, isChunked: isChunked))
          #expect(response.status == 200, "\(proxy.envoy.log)")
          #expect(response.text == "<<\(body)>>")
        }
      }
    }
  }

  @Test(
    "a whole body that ends in trailers is replaced too",
    arguments: [BodySendMode.buffered, .fullDuplexStreamed])
  func trailers(mode: BodySendMode) async throws {
    let upstream: HTTPUpstream.Responder = { request in
      HTTPResponse(body: String(buffer: request.body), trailers: ["x-response": "2"])
    }
    try await withEnvoyProxy(Framing(.whole()), upstream: upstream, mode: sending(mode)) { proxy in
      let request = HTTPRequest("POST", body: "body", trailers: ["x-request": "1"])
      let response = try await proxy.connect().send(request)
      #expect(response.text == "<<body>>", "\(proxy.envoy.log)")
      #expect(response.trailers["x-response"] == "2")
    }
  }

  @Test("a streamed body that ends in trailers cannot be whole, which is a failure and no loss")
  func streamedTrailers() async throws {
    for policy in [CalloutServer.FailurePolicy.failStream, .passThrough] {
      let callout = Framing(.whole(), messageTimeout: .milliseconds(400), policy: policy)
      try await withEnvoyProxy(callout, upstream: Self.mirror, mode: sending(.streamed)) { proxy in
        let request = HTTPRequest("POST", body: "body", trailers: ["x-request": "1"])
        let response = try await proxy.connect().send(request)
        guard case .passThrough = policy else { return #expect(response.status == 500) }
        #expect(response.text.contains("body") && response.status == 200)
      }
    }
  }

  @Test(
    "a body over the limit is refused with 413, or passes whole",
    arguments: [BodySendMode.streamed, .buffered, .fullDuplexStreamed])
  func limit(mode: BodySendMode) async throws {
    try await withEnvoyProxy(Framing(.whole(upTo: 1_000)), upstream: Self.mirror, mode: sending(mode)) { proxy in
      let response = try await proxy.connect().send(HTTPRequest("POST", body: Self.long))
      #expect(response.status == 413)
    }
    let passing = Framing(.whole(upTo: 1_000, overLimit: .passThrough))
    try await withEnvoyProxy(passing, upstream: Self.mirror, mode: sending(mode)) { proxy in
      let response = try await proxy.connect().send(HTTPRequest("POST", body: Self.long, isChunked: true))
      #expect(response.status == 200, "\(proxy.envoy.log)")
      #expect(response.text == Self.long)
    }
  }

  @Test("both directions are streams, headers answered before and after the body", arguments: [false, true])
  func streams(isChunked: Bool) async throws {
    try await withEnvoyProxy(Capitals(), upstream: Self.mirror, mode: sending(.fullDuplexStreamed)) { proxy in
      let connection = try await proxy.connect()
      for body in ["", "short", Self.long] {
        let response = try await connection.send(HTTPRequest("POST", body: body, isChunked: isChunked))
        #expect(response.status == 200, "\(proxy.envoy.log)")
        #expect(response.text == body.uppercased())
        #expect(response.fields["x-length"] == "\(body.count)")
        #expect(response.fields["seen-x-stream"] == "1")
      }
      let last = try await connection.send(HTTPRequest("POST", body: "a", trailers: ["x-request": "t"]))
      #expect(last.fields["seen-trailer"] == "t")
    }
  }
}
