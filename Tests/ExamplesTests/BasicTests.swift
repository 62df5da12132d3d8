// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import Basic

@Suite("Basic")
struct BasicTests {
  @Test("Basic changes the request's headers", arguments: [false, true])
  func basicRequestHeaders(endOfStream: Bool) async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .requestHeaders([:], endOfStream: endOfStream))
    let expected = Expected.requestHeaders(
      [":authority": "service-extensions.com", ":path": "/", "header-request": "request"], remove: ["foo"],
      clearRouteCache: true)
    #expect(reply == expected)
  }

  @Test("Basic changes the response's headers")
  func basicResponseHeaders() async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .responseHeaders([:]))
    #expect(reply == Expected.responseHeaders(["hello": "service-extensions"]))
  }

  @Test("Basic replaces the request's body")
  func basicRequestBody() async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .requestBody(""))
    #expect(reply == Expected.requestBody("replaced-body"))
  }

  @Test("Basic clears the response's body")
  func basicResponseBody() async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .responseBody(""))
    let expected = ProcessingResponseMessage.with { $0.responseBody.response.bodyMutation.clearBody_p = true }
    #expect(reply == expected)
  }

  @Test("Basic answers each message of a stream, in order")
  func basicStream() async throws {
    let harness = CalloutHarness(Basic())
    let first = try await harness.reply(to: .requestBody(""))
    let second = try await harness.reply(to: .responseBody(""))
    #expect(first.requestBody.response.bodyMutation.body == .init("replaced-body".utf8))
    #expect(second.responseBody.response.bodyMutation.clearBody_p)
  }
}
