// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import AddHeader
@testable import Basic

// The replies of the reference's test suite, whole (google-callouts.md 6.1).

@Suite("Examples")
struct ExampleTests {
  private static func setting(_ name: String, _ value: String) -> Envoy_Config_Core_V3_HeaderValueOption {
    .with {
      $0.header.key = name
      $0.header.rawValue = .init(value.utf8)
      $0.appendAction = .overwriteIfExistsOrAdd
    }
  }

  @Test("Basic changes the request's headers", arguments: [false, true])
  func basicRequestHeaders(endOfStream: Bool) async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .requestHeaders([:], endOfStream: endOfStream))
    let expected = ProcessingResponseMessage.with {
      $0.requestHeaders.response.headerMutation.setHeaders = [
        Self.setting(":authority", "service-extensions.com"), Self.setting(":path", "/"),
        Self.setting("header-request", "request"),
      ]
      $0.requestHeaders.response.headerMutation.removeHeaders = ["foo"]
      $0.requestHeaders.response.clearRouteCache_p = true
    }
    #expect(reply == expected)
  }

  @Test("Basic changes the response's headers")
  func basicResponseHeaders() async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .responseHeaders([:]))
    let expected = ProcessingResponseMessage.with {
      $0.responseHeaders.response.headerMutation.setHeaders = [Self.setting("hello", "service-extensions")]
    }
    #expect(reply == expected)
  }

  @Test("Basic replaces the request's body")
  func basicRequestBody() async throws {
    let reply = try await CalloutHarness(Basic()).reply(to: .requestBody(""))
    let expected = ProcessingResponseMessage.with {
      $0.requestBody.response.bodyMutation.body = .init("replaced-body".utf8)
    }
    #expect(reply == expected)
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

  @Test("AddHeader adds a header each way and removes one from the response")
  func addHeader() async throws {
    let harness = CalloutHarness(AddHeader())
    let request = try await harness.reply(to: .requestHeaders([":path": "/"]))
    let response = try await harness.reply(to: .responseHeaders([":status": "200"]))
    let expectedRequest = ProcessingResponseMessage.with {
      $0.requestHeaders.response.headerMutation.setHeaders = [Self.setting("header-request", "request")]
      $0.requestHeaders.response.clearRouteCache_p = true
    }
    let expectedResponse = ProcessingResponseMessage.with {
      $0.responseHeaders.response.headerMutation.setHeaders = [Self.setting("header-response", "response")]
      $0.responseHeaders.response.headerMutation.removeHeaders = ["foo"]
    }
    #expect(request == expectedRequest)
    #expect(response == expectedResponse)
  }
}
