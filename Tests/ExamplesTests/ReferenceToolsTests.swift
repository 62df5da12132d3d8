// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import ExtProcTesting
import Testing

/// What the helper functions of Google's callouts in Python, Go and Java make, made with ours.
@Suite("Tools of Google's callouts")
struct ReferenceToolsTests {
  /// Answers with what a test wants to see on the wire.
  private final class Answering: CalloutServer, @unchecked Sendable {
    let headers: HeadersReply
    let body: BodyReply

    init(_ headers: HeadersReply = .continue, body: BodyReply = .continue) {
      self.headers = headers
      self.body = body
    }

    required convenience init() { self.init(.continue) }

    override func onRequestHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply { headers }
    override func onBody(_: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply { body }
  }

  private func answer(_ reply: HeadersReply) async throws -> ProcessingResponseMessage {
    try await CalloutHarness(Answering(reply)).reply(to: .requestHeaders([:]))
  }

  private func answer(_ reply: BodyReply) async throws -> Envoy_Service_ExtProc_V3_CommonResponse {
    try await CalloutHarness(Answering(body: reply)).reply(to: .requestBody("x")).requestBody.response
  }

  private func option(_ name: String, _ value: String, appends: Bool) -> Envoy_Config_Core_V3_HeaderValueOption {
    .with {
      $0.header.key = name
      $0.header.rawValue = .init(value.utf8)
      $0.appendAction = appends ? .appendIfExistsOrAdd : .overwriteIfExistsOrAdd
      // Envoy up to 1.40 reads this alone.
      if appends { $0.append = true }
    }
  }

  @Test("an immediate response with headers that are added and removed, and a body")
  func immediateResponse() async throws {
    var response = ImmediateResponse(status: 200, body: "text")
    response.headers = HeaderMutation(append: ["a": "1", "b": "2"], remove: ["c", "d"])
    let message = try await answer(.immediate(response)).immediateResponse
    #expect(message.status.code == .ok && message.body == .init("text".utf8))
    #expect(message.headers.setHeaders == [option("a", "1", appends: true), option("b", "2", appends: true)])
    #expect(message.headers.removeHeaders == ["c", "d"])
    #expect(try await answer(.immediate(ImmediateResponse(status: 404))).immediateResponse.headers == .init())
  }

  @Test("headers are added, overwritten and removed, and the route chosen anew or not", arguments: [true, false])
  func headerMutation(clearRouteCache: Bool) async throws {
    let reply = HeadersReply.mutate(
      set: ["a": "1", "b": "2"], append: ["e": "3"], remove: ["c", "d"], clearRouteCache: clearRouteCache)
    let response = try await answer(reply).requestHeaders.response
    #expect(
      response.headerMutation.setHeaders == [
        option("a", "1", appends: false), option("b", "2", appends: false), option("e", "3", appends: true),
      ])
    #expect(response.headerMutation.removeHeaders == ["c", "d"])
    #expect(response.clearRouteCache_p == clearRouteCache)
  }

  @Test("a mutation of nothing is none")
  func noMutation() async throws {
    #expect(try await answer(.mutate()) == Expected.passingRequestHeaders)
  }

  @Test("a body is replaced or cleared, and the route chosen anew")
  func bodyMutation() async throws {
    var replaced = BodyReply.replace("new-body")
    replaced.clearRouteCache = true
    #expect(
      try await answer(replaced)
        == .with {
          $0.bodyMutation.body = .init("new-body".utf8)
          $0.clearRouteCache_p = true
        })
    var cleared = BodyReply.clear
    cleared.clearRouteCache = true
    #expect(
      try await answer(cleared)
        == .with {
          $0.bodyMutation.clearBody_p = true
          $0.clearRouteCache_p = true
        })
    #expect(try await answer(BodyReply.replace("")) == .with { $0.bodyMutation.clearBody_p = true })
  }

  @Test("a denial with a gRPC status ends the stream with PERMISSION_DENIED", arguments: [nil, "no"])
  func denial(message: String?) async throws {
    final class Denying: CalloutServer, @unchecked Sendable {
      override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
        throw headers["message"].map { Denial.grpcStatus($0) } ?? Denial.grpcStatus()
      }
    }
    try await withRunningServer(Denying()) { server in
      let stream = try await server.client().stream()
      try await stream.send(message.map { .requestHeaders(["message": $0]) } ?? .requestHeaders([:]))
      let status = await stream.status
      #expect(status.code == .permissionDenied && status.message == message ?? "Callout DENIED.")
    }
  }
}
