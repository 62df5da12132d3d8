// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Foundation
import Testing

@Suite("ObservabilityServer", .timeLimit(.minutes(1)))
struct ObservabilityServerTests {
  @Test("needs the health listener")
  func combined() async throws {
    let process = try ExampleProcess.start("ObservabilityServer", ["--combined-health-check", "--disable-tls"])
    #expect(await process.exitStatus == 2)
    #expect(process.output.hasPrefix("ObservabilityServer: --combined-health-check leaves no listener that could show"))
  }

  @Test("counts each event, and tells the counts beside health", arguments: [true, false])
  func counters(isObserved: Bool) async throws {
    let example = try await ExampleProcess.serve("ObservabilityServer", "--drain-delay", "0")
    defer { example.process.send(signal: SIGKILL) }
    let probe = try await HTTPConnection.connect(to: example.health)
    let none = try await probe.get("/counters")
    #expect(none.fields["content-type"] == "application/json")
    #expect(try JSONValue(parsing: none.text)["request_header_count"] == 0)

    let client = try await CalloutClient.connect(to: example.plaintext)
    let stream = try await client.stream()
    let events: [ProcessingRequestMessage] = [
      .requestHeaders([:]), .requestHeaders([:]), .requestBody("a", endOfStream: true), .responseHeaders([:]),
      .responseBody("b"), .responseBody("", endOfStream: true),
    ]
    for event in events {
      if isObserved {
        try await stream.send(event.inObservabilityMode())
      } else {
        _ = try await stream.reply(to: event)
      }
    }
    stream.halfClose()
    // A proxy that watches gets no answer.
    #expect(try await stream.next() == nil)
    await client.close()
    let counts = try await probe.get("/counters").text
    let expected: JSONValue = [
      "request_body_count": 1, "request_header_count": 2, "response_body_count": 1, "response_header_count": 1,
    ]
    #expect(try JSONValue(parsing: counts) == expected)
    #expect(try await probe.get("/other").text == "")
  }
}
