// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Foundation
import Testing

@Suite("A program drains when it is told to stop", .timeLimit(.minutes(1)))
struct DrainTests {
  @Test(
    "SIGTERM and SIGINT turn readiness at once, and new streams are still taken for a while",
    arguments: [SIGTERM, SIGINT])
  func drainDelay(signal: Int32) async throws {
    let example = try await ExampleProcess.serve("AddHeader", "--drain-delay", "3600")
    defer { example.process.send(signal: SIGKILL) }
    let probe = try await HTTPConnection.connect(to: example.health)
    #expect(try await probe.get("/ready").status == 200)
    example.process.send(signal: signal)
    try await until { try await probe.get("/ready").status == 503 }
    #expect(try await probe.get("/live").status == 200)
    let late = try await CalloutClient.connect(to: example.plaintext)
    _ = try await late.stream().reply(to: .requestHeaders([":path": "/"]))
    await late.close()
  }

  @Test("then new streams are refused, running ones finish, and the program exits 0", arguments: [SIGTERM, SIGINT])
  func drain(signal: Int32) async throws {
    let example = try await ExampleProcess.serve("AddHeader", "--drain-delay", "0.1", "--grace-period", "3600")
    defer { example.process.send(signal: SIGKILL) }
    let client = try await CalloutClient.connect(to: example.plaintext)
    let running = try await client.stream()
    _ = try await running.reply(to: .requestHeaders([":path": "/"]))

    example.process.send(signal: signal)
    // Until the GOAWAY there are new streams, after it none.
    while let stream = try? await client.stream() {
      guard (try? await stream.reply(to: .requestHeaders([":path": "/"]))) != nil else { break }
      stream.halfClose()
    }
    await #expect(throws: (any Error).self) { try await CalloutClient.connect(to: example.plaintext) }
    let reply = try await running.reply(to: .responseHeaders([":status": "200"]))
    #expect(reply.responseHeaders.response.headerMutation.setHeaders.count == 1)
    running.halfClose()
    #expect(await running.status == .ok)
    #expect(await example.process.exitStatus == 0, "\(example.process.output)")
  }

  @Test("what is left after the grace period is ended with OK")
  func gracePeriod() async throws {
    let example = try await ExampleProcess.serve("AddHeader", "--drain-delay", "0", "--grace-period", "0.2")
    defer { example.process.send(signal: SIGKILL) }
    let stream = try await CalloutClient.connect(to: example.plaintext).stream()
    _ = try await stream.reply(to: .requestHeaders([":path": "/"]))
    example.process.send(signal: SIGTERM)
    #expect(await stream.status == .ok)
    #expect(await example.process.exitStatus == 0, "\(example.process.output)")
  }

  @Test("a second signal ends the program at once", arguments: [SIGTERM, SIGINT])
  func secondSignal(signal: Int32) async throws {
    let example = try await ExampleProcess.serve("AddHeader", "--drain-delay", "3600", "--grace-period", "3600")
    defer { example.process.send(signal: SIGKILL) }
    let stream = try await CalloutClient.connect(to: example.plaintext).stream()
    _ = try await stream.reply(to: .requestHeaders([":path": "/"]))
    example.process.send(signal: SIGTERM)
    try await example.process.waitForOutput { $0.contains("draining") ? () : nil }
    example.process.send(signal: signal)
    #expect(await example.process.exitStatus == 128 + signal)
  }
}
