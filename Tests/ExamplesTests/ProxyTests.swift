import CalloutGRPC
// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import ExtProcTesting
import Foundation
import Testing

@Suite("Proxy", .timeLimit(.minutes(2)))
struct ProxyTests {
  @Test("passes an ext_proc stream on, and logs a line for it")
  func passesOn() async throws {
    let callout = try await ExampleProcess.serve("AddHeader")
    defer { callout.process.send(signal: SIGKILL) }
    let proxy = try await ExampleProcess.serve("Proxy", "--to", "\(callout.plaintext)")
    defer { proxy.process.send(signal: SIGKILL) }
    let client = try await CalloutClient.connect(to: proxy.plaintext)
    try await expectHeader(from: client)
    let line = try await proxy.process.waitForOutput { output in
      output.split(separator: "\n").first { $0.contains(" call") }.map(String.init)
    }
    for part in [
      "method=/envoy.service.ext_proc.v3.ExternalProcessor/Process", "backends=\(callout.plaintext)", "status=OK",
      "peer=", "duration=", "received=", "sent=",
    ] {
      #expect(line.contains(part), "\(line)")
    }
    await client.close()
    proxy.process.send(signal: SIGTERM)
    #expect(await proxy.process.exitStatus == 0, "\(proxy.process.output)")
    #expect(!proxy.process.output.contains("ERROR"), "\(proxy.process.output)")
  }

  @Test("follows its file from one backend to another")
  func followsFile() async throws {
    let callout = try await ExampleProcess.serve("AddHeader")
    defer { callout.process.send(signal: SIGKILL) }
    let file = FileManager.default.temporaryDirectory.appending(path: "proxy-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("routes: [{ refuse: { code: UNAVAILABLE, message: not yet } }]\n".utf8).write(to: file)
    let proxy = try await ExampleProcess.serve("Proxy", "--config", file.path)
    defer { proxy.process.send(signal: SIGKILL) }
    let client = try await CalloutClient.connect(to: proxy.plaintext)
    let refused = try await client.stream()
    #expect(await refused.status == GRPCStatus(.unavailable, "not yet"))
    try Data(
      """
      backends: [{ name: callout, endpoints: "\(callout.plaintext)" }]
      routes: [{ service: envoy.service.ext_proc.v3.ExternalProcessor, backend: callout }]

      """.utf8
    ).write(to: file)
    try await proxy.process.waitForOutput { $0.contains("the proxy's configuration has changed") ? () : nil }
    // The line is written before the routes are in place.
    while true {
      let stream = try await client.stream()
      try? await stream.send(.requestHeaders([":path": "/"]))
      guard (try? await stream.next()) == nil else { break }
    }
    try await expectHeader(from: client)
    await client.close()
  }

  @Test("passes health on where that is asked for", arguments: [false, true])
  func health(isPassedOn: Bool) async throws {
    let backend = try await ExampleProcess.serve("AddHeader")
    defer { backend.process.send(signal: SIGKILL) }
    let arguments = ["--to", "\(backend.plaintext)"] + (isPassedOn ? ["--pass-health"] : [])
    let proxy = try await ExampleProcess.serving(
      try ExampleProcess.start("Proxy", ExampleProcess.onLoopback + arguments))
    defer { proxy.process.send(signal: SIGKILL) }
    let client = try await CalloutClient.connect(to: proxy.plaintext)
    // A service that the backend has and the proxy has not.
    let service = "envoy.service.ext_proc.v3.ExternalProcessor"
    if isPassedOn {
      #expect(try await client.channel.checkHealth(of: service) == .serving)
    } else {
      await #expect { try await client.channel.checkHealth(of: service) } throws: { error in
        (error as? GRPCStatus)?.code == .notFound
      }
      #expect(try await client.channel.checkHealth() == .serving)
    }
    await client.close()
  }

  @Test(
    "what it cannot use is one line",
    arguments: [
      ([], "give one of --to and --config"),
      (["--to", "127.0.0.1:1", "--config", "x"], "give one of --to and --config"),
      (["--to", "nowhere"], "The value 'nowhere' is invalid for '--to <to>'"),
      (["--config", "/does/not/exist.yaml"], "'/does/not/exist.yaml' cannot be read"),
    ])
  func refusals(arguments: [String], reason: String) async throws {
    let process = try ExampleProcess.start("Proxy", ExampleProcess.onLoopback + arguments)
    #expect(await process.exitStatus == 2)
    #expect(process.output.hasPrefix("Proxy: ") && process.output.contains(reason), "\(process.output)")
    #expect(process.output.split(separator: "\n").count == 1)
  }

  private func expectHeader(from client: CalloutClient) async throws {
    let stream = try await client.stream()
    let reply = try await stream.reply(to: .requestHeaders([":path": "/"]))
    #expect(reply.requestHeaders.response.headerMutation.setHeaders.map(\.header.key) == ["header-request"])
    stream.halfClose()
    #expect(await stream.status == .ok)
  }
}
