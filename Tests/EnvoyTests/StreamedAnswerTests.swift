// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

/// Answers as the path says.
private final class Answering: CalloutServer, @unchecked Sendable {
  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.allowModeOverride = true
    configuration.softDeadline = .milliseconds(100)
    configuration.latePolicy[.requestHeaders] = .extend(.seconds(10))
    return configuration
  }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    switch headers.path {
    case "/streamed":
      return .streamed(
        StreamedImmediateResponse(status: 201, headers: ["x-from": "callout"]) { writer in
          for number in 0..<100 { try await writer.write("\(number) ") }
          return [:]
        })
    case "/streamed-alone": return .streamed(StreamedImmediateResponse(status: 204, headers: ["x-from": "callout"]))
    case "/override": return .continue.overridingMode(ModeOverride(responseBody: .buffered))
    case "/duplex":
      return .continue.overridingMode(
        ModeOverride(responseBody: .fullDuplexStreamed, responseTrailers: .send))
    case "/late":
      try await Task.sleep(for: .milliseconds(400))
      return .mutate(set: ["x-late": "1"])
    case "/metadata": return .continue.settingMetadata(["user": "me"], in: "given")
    case "/denied": throw Denial("not you")
    case "/path": return .mutate(set: [":path": "/other"])
    default: return .continue
    }
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace(body.string.uppercased())
  }
}

@Suite(
  "Streamed answers, overrides and metadata behind Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(2)))
struct StreamedAnswerTests {
  private static let upstream: HTTPUpstream.Responder = { request in
    HTTPResponse(fields: ["x-path": request.path, "x-late": request.fields["x-late"] ?? "none"], body: "body")
  }

  private func withAnswers<Result>(
    _ filter: (inout EnvoyConfiguration.Callout) -> Void = { _ in },
    _ body: (HTTPConnection, EnvoyProxy) async throws -> Result
  ) async throws -> Result {
    try await withEnvoyProxy(Answering(), upstream: Self.upstream, filter: filter) { proxy in
      try await body(try await proxy.connect(), proxy)
    }
  }

  @Test("an answer is streamed to the client in place of the upstream's")
  func streamed() async throws {
    try await withAnswers { connection, proxy in
      let response = try await connection.get("/streamed")
      #expect(response.status == 201, "\(proxy.envoy.log)")
      #expect(response.fields["x-from"] == "callout")
      #expect(response.text == (0..<100).map { "\($0) " }.joined())
      #expect(try await connection.get("/streamed-alone").status == 204)
      #expect(try await connection.get("/").status == 200)
    }
  }

  @Test("a mode override brings the body, and it is answered in the mode overridden to")
  func override() async throws {
    try await withAnswers({ $0.allowModeOverride = true }) { connection, proxy in
      for path in ["/override", "/duplex"] {
        let response = try await connection.get(path)
        #expect(response.status == 200, "\(proxy.envoy.log)")
        #expect(response.text == "BODY")
      }
      #expect(try await connection.get("/").text == "body")
    }
  }

  @Test("a late hook gets the time that is asked for, and without that Envoy gives up")
  func late() async throws {
    let short: (inout EnvoyConfiguration.Callout) -> Void = { $0.messageTimeout = .milliseconds(200) }
    let extensible: (inout EnvoyConfiguration.Callout) -> Void = { filter in
      short(&filter)
      filter.furtherJSON = #"{"max_message_timeout": "20s"}"#
    }
    try await withAnswers(extensible) { connection, _ in
      let response = try await connection.get("/late")
      #expect(response.fields["x-late"] == "1")
    }
    try await withAnswers(short) { connection, _ in
      let response = try await connection.get("/late")
      #expect(response.status == 504)
    }
  }

  @Test("a denial is a 403 even where the filter lets failures pass")
  func denial() async throws {
    try await withAnswers({ $0.failureModeAllow = true }) { connection, _ in
      let response = try await connection.get("/denied")
      #expect(response.status == 403)
      #expect(response.text == "not you")
    }
  }

  @Test("a path that is changed is what the upstream gets")
  func path() async throws {
    try await withAnswers { connection, _ in
      let response = try await connection.get("/path")
      #expect(response.fields["x-path"] == "/other")
    }
  }
}
