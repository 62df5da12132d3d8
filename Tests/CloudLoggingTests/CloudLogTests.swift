// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import ExtProcTesting
import Logging
import SwiftProtobuf
import Testing

@testable import CloudLog

private let noHeader = "\"header-check\" not found within the request headers"
private let noBody = "\"body-check\" not found within the request body"

@Suite("CloudLog")
struct CloudLogTests {
  private func denial(_ text: String) -> ProcessingResponseMessage {
    .with {
      $0.immediateResponse.status.code = .forbidden
      $0.immediateResponse.body = .init(text.utf8)
      $0.immediateResponse.details = "denied_by_callout"
    }
  }

  @Test("lets a request with the header pass, and marks it")
  func headerFound() async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(CloudLog(), logger: log.logger)
    let reply = try await harness.reply(
      to: .requestHeaders([":method": "GET", ":path": "/a", "header-check": ""], endOfStream: true))
    let expected = ProcessingResponseMessage.with {
      $0.requestHeaders.response.headerMutation.setHeaders = [
        .with {
          $0.header.key = "header-request"
          $0.header.rawValue = .init("request".utf8)
          $0.appendAction = .overwriteIfExistsOrAdd
        }
      ]
      $0.requestHeaders.response.clearRouteCache_p = true
    }
    #expect(reply == expected)
    #expect(log.entries.map(\.level) == [.info])
    #expect(log.entries[0].metadata["decision"] == "allowed")
    #expect(log.entries[0].metadata["httpRequest"] == ["requestMethod": "GET", "requestUrl": "/a"])
  }

  @Test("denies a request without the header")
  func headerMissing() async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(CloudLog(), logger: log.logger)
    let reply = try await harness.reply(
      to: .requestHeaders([":method": "GET", ":path": "/a", "other": "header-check"]))
    #expect(reply == denial(noHeader))
    let entries = log.entries(atLeast: .info)
    #expect(entries.map(\.message) == [noHeader])
    #expect(entries[0].level == .warning)
    #expect(entries[0].metadata["decision"] == "denied")
    #expect(entries[0].metadata["method"] == "GET")
    #expect(entries[0].metadata["path"] == "/a")
    #expect(entries[0].metadata["httpRequest"] == ["requestMethod": "GET", "requestUrl": "/a", "status": "403"])
  }

  @Test("replaces a body with the text, and denies one without", arguments: [true, false])
  func body(isAllowed: Bool) async throws {
    let log = LogRecorder()
    let harness = CalloutHarness(CloudLog(), logger: log.logger)
    _ = try await harness.reply(to: .requestHeaders([":method": "POST", ":path": "/b", "header-check": "1"]))
    let reply = try await harness.reply(to: .requestBody(isAllowed ? "a body-check b" : "a body", endOfStream: true))
    let replaced = ProcessingResponseMessage.with {
      $0.requestBody.response.bodyMutation.body = .init("replaced-body".utf8)
    }
    #expect(reply == (isAllowed ? replaced : denial(noBody)))
    let entries = log.entries(atLeast: .info)
    #expect(entries.map(\.message) == ["allowed", isAllowed ? "allowed" : noBody])
    #expect(entries.map(\.metadata["path"]) == ["/b", "/b"])
  }

  @Test(
    "behind Envoy answers the client, whether failures are allowed or not, and logs",
    .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(1)),
    arguments: [false, true])
  func envoy(failureModeAllow: Bool) async throws {
    let api = CloudAPI(200)
    try await withExporter(to: api) { exporter in
      let logger = Logger(label: "test") { exporter.handler(label: $0) }
      try await withEnvoy(before: CloudLog(), failureModeAllow, logger: logger) { client in
        let passed = try await client.send(HTTPRequest("POST", "/1", fields: ["header-check": "1"], body: "body-check"))
        #expect(passed.status == 200)
        #expect(passed.text.contains("header-request: request"))
        #expect(passed.text.hasSuffix("\n\nreplaced-body"))
        let headless = try await client.send(HTTPRequest("POST", "/2", body: "body-check"))
        #expect(headless.status == 403)
        #expect(headless.text == noHeader)
        let bodiless = try await client.send(HTTPRequest("POST", "/3", fields: ["header-check": "1"], body: "body"))
        #expect(bodiless.status == 403)
        #expect(bodiless.text == noBody)
      }
    }
    let decisions = api.entries.filter { $0["jsonPayload"]?["decision"] != nil }
    #expect(decisions.map(\.message) == ["allowed", "allowed", noHeader, "allowed", noBody])
    #expect(decisions.map { $0["jsonPayload"]?["path"]?.string } == ["/1", "/1", "/2", "/3", "/3"])
    #expect(decisions.map { $0["severity"]?.string } == ["INFO", "INFO", "WARNING", "INFO", "WARNING"])
    #expect(decisions.map { $0["httpRequest"]?["status"]?.int } == [nil, nil, 403, nil, 403])
    #expect(decisions.allSatisfy { $0["httpRequest"]?["requestMethod"] == "POST" })
  }

  /// Runs a callout, an echoing upstream and an Envoy between them, with a connection to it.
  private func withEnvoy(
    before callout: CloudLog, _ failureModeAllow: Bool, logger: Logger, _ body: (HTTPConnection) async throws -> Void
  ) async throws {
    try await withHTTPUpstream { upstream in
      try await withRunningServer(callout, logger: logger) { server in
        var filter = EnvoyConfiguration.Callout(server.addresses.plaintext!) { mode in
          mode.requestBodyMode = .buffered
          mode.responseHeaderMode = .skip
        }
        filter.failureModeAllow = failureModeAllow
        try await ExtProcTesting.withEnvoy(EnvoyConfiguration(upstream: upstream.address, callouts: [filter])) {
          envoy in
          try await body(try await HTTPConnection.connect(to: envoy.address))
        }
      }
    }
  }
}
