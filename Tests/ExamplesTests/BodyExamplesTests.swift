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

  @Test("BodyLogger collects a message, logs it, and sends it on in chunks")
  func bodyLogger() async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(BodyLogger(), logger: log.logger)
    let long = String(repeating: "a", count: 100_000)
    #expect(
      try await harness.send(
        .requestHeaders([":path": "/x\n", "authorization": "secret"]).withBodyModes(request: .fullDuplexStreamed)) == []
    )
    #expect(try await harness.send(.requestBody("b\n")) == [])
    #expect(try await harness.send(.requestBody(long)) == [])
    let replies = try await harness.send(.requestTrailers(["t": "1"]))
    #expect(replies.count == 4)
    #expect(replies[0] == Expected.requestHeaders(["x-body-length": "100002"]))
    let pieces = replies[1...2].map(\.requestBody.response.bodyMutation.streamedResponse)
    #expect(pieces.map(\.body.count) == [63_488, 100_002 - 63_488])
    #expect(pieces[0].body + pieces[1].body == .init("b\n\(long)".utf8))
    #expect(pieces.allSatisfy { !$0.endOfStream })
    #expect(replies[3].requestTrailers.headerMutation.setHeaders == [Expected.setting("x-logged", "yes")])
    let entry = try #require(log.entries.first)
    #expect(entry.message == "request" && entry.metadata["trailers"] == #"t: "1""#)
    #expect(entry.metadata["headers"] == #":path: "/x\n", authorization: ..."#)
    #expect(entry.metadata["body"] == .string(#""b\n\#(long)""#))
  }

  @Test("BodyLogger says the end of a body without trailers, and of none")
  func noTrailers() async throws {
    let harness = CalloutHarness(BodyLogger())
    _ = try await harness.send(.responseHeaders([:]).withBodyModes(response: .fullDuplexStreamed))
    let replies = try await harness.send(.responseBody("abc", endOfStream: true))
    #expect(replies.last?.responseBody.response.bodyMutation.streamedResponse.endOfStream == true)
    let empty = try await CalloutHarness(BodyLogger()).reply(
      to: .responseHeaders([:], endOfStream: true).withBodyModes(response: .fullDuplexStreamed))
    #expect(empty == Expected.responseHeaders(["x-body-length": "0"]))
  }

  @Test("BodyLogger fails an exchange whose body is too long")
  func tooLong() async throws {
    let harness = CalloutHarness(BodyLogger())
    _ = try await harness.send(.requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed))
    let piece = String(repeating: "a", count: 1 << 20)
    for _ in 0..<4 { _ = try await harness.send(.requestBody(piece)) }
    await #expect(throws: CalloutError.self) { try await harness.send(.requestBody("a")) }
  }
}
