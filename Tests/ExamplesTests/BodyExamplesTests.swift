// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import Logging
import SwiftProtobuf
import Testing

@testable import AddBody
@testable import AddCustomResponse
@testable import BodyLogger

@Suite("Examples that change bodies")
struct BodyExamplesTests {
  @Test("AddBody adds a text to the request's body", arguments: [Array("mock-body".utf8), [], [0xff, 0x00]])
  func addBodyRequest(body: [UInt8]) async throws {
    let reply = try await CalloutHarness(AddBody()).reply(to: .requestBody(bytes: body))
    #expect(Array(reply.requestBody.response.bodyMutation.body) == body + Array("-added-request-body".utf8))
  }

  @Test("AddBody replaces the response's body")
  func addBodyResponse() async throws {
    let reply = try await CalloutHarness(AddBody()).reply(to: .responseBody("mock-body"))
    #expect(reply == Expected.responseBody("new-body"))
  }

  @Test("AddCustomResponse puts a mocked header in where there is one")
  func mockedHeaders() async throws {
    let harness = CalloutHarness(AddCustomResponse())
    let expected = Expected.requestHeaders(["Mock-Response": "Mocked-Value"])
    #expect(try await harness.reply(to: .requestHeaders(["mock": "true"])) == expected)
    #expect(
      try await harness.reply(to: .responseHeaders(["mock": ""]))
        == Expected.responseHeaders(["Mock-Response": "Mocked-Value"]))
  }

  @Test("AddCustomResponse puts a mocked body in where there is one")
  func mockedBodies() async throws {
    let harness = CalloutHarness(AddCustomResponse())
    #expect(try await harness.reply(to: .requestBody("body-check-mock")) == Expected.requestBody("Mocked-Body"))
    #expect(try await harness.reply(to: .responseBody("body-check-mock")) == Expected.responseBody("Mocked-Body"))
  }

  @Test("AddCustomResponse changes what is neither bad nor mocked")
  func others() async throws {
    let harness = CalloutHarness(AddCustomResponse())
    #expect(
      try await harness.reply(to: .requestHeaders([:]))
        == Expected.requestHeaders(["header-request": "request"], remove: ["foo"], clearRouteCache: true))
    #expect(
      try await harness.reply(to: .responseHeaders([:])) == Expected.responseHeaders(["header-response": "response"]))
    #expect(try await harness.reply(to: .requestBody("x")) == Expected.requestBody("replaced-body"))
    #expect(try await harness.reply(to: .responseBody("x")) == .with { $0.responseBody = .init() })
  }

  @Test(
    "AddCustomResponse refuses what is bad, mocked or not, with 403",
    arguments: [
      .requestHeaders(["bad-header": "1", "mock": "1"]), .responseHeaders(["bad-header": ""]),
      .requestBody("mock bad-body"), .responseBody("a bad-body"),
    ] as [ProcessingRequestMessage])
  func denied(message: ProcessingRequestMessage) async throws {
    let response = try await CalloutHarness(AddCustomResponse()).reply(to: message).immediateResponse
    #expect(response.status.code == .forbidden)
    #expect(response.body == .init("Callout DENIED.".utf8))
  }

  @Test("BodyLogger logs a message whole and passes it piece by piece")
  func bodyLogger() async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(BodyLogger(), logger: log.logger)
    let modes = (BodySendMode.fullDuplexStreamed, BodySendMode.fullDuplexStreamed)
    var replies = try await harness.send(
      .requestHeaders([":path": "/x"]).withBodyModes(request: modes.0, response: modes.1))
    replies += try await harness.send(.requestBody("abc"))
    replies += try await harness.send(.requestBody("def"))
    replies += try await harness.send(.requestTrailers(["t": "1"]))
    #expect(replies.count == 4)
    let pieces = replies[1...2].map(\.requestBody.response.bodyMutation.streamedResponse)
    #expect(pieces.map(\.body) == [.init("abc".utf8), .init("def".utf8)])
    #expect(pieces.allSatisfy { !$0.endOfStream })
    #expect(replies[3].requestTrailers.headerMutation.setHeaders == [Expected.setting("x-body-length", "6")])
    let entry = try #require(log.entries.first)
    #expect(entry.message == "request" && entry.metadata["body"] == "abcdef" && entry.metadata["length"] == "6")
    #expect(entry.metadata["headers"] == ":path: /x" && entry.metadata["trailers"] == "t: 1")
  }

  @Test("BodyLogger logs the start of a long body only")
  func longBody() async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(BodyLogger(), logger: log.logger)
    _ = try await harness.send(.responseHeaders([:]).withBodyModes(response: .fullDuplexStreamed))
    _ = try await harness.send(.responseBody(String(repeating: "a", count: 20_000)))
    _ = try await harness.send(.responseBody(String(repeating: "b", count: 20_000), endOfStream: true))
    let entry = try #require(log.entries.first)
    #expect(entry.metadata["length"] == "40000" && entry.metadata["trailers"] == "none")
    #expect(entry.metadata["body"] == .string(String(repeating: "a", count: 16_384)))
  }
}
