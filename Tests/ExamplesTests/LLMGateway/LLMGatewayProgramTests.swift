// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

@Suite("LLMGateway as a program", .timeLimit(.minutes(1)))
struct LLMGatewayProgramTests {
  /// Starts the program and waits until it serves.
  private func withProgram(
    _ arguments: [String], environment: [String: String],
    _ body: (_ plaintext: ListenAddress, _ output: String) async throws -> Void
  ) async throws {
    let process = try ExampleProcess.start(
      "LLMGateway", ExampleProcess.onLoopback + ["--drain-delay", "0"] + arguments, environment: environment)
    defer { process.send(signal: SIGKILL) }
    try await body(try await ExampleProcess.serving(process).plaintext, process.output)
  }

  private func path(at address: ListenAddress) async throws -> String? {
    let client = try await CalloutClient.connect(to: address)
    let stream = try await client.stream()
    _ = try await stream.reply(to: .requestHeaders([":path": "/v1/chat/completions"]))
    let reply = try await stream.reply(to: .requestBody(Gateway.chat("vertex_ai/m"), endOfStream: true))
    await client.close()
    return reply.setHeaders[":path"] ?? reply.error.message
  }

  @Test("project and region are options, or come from the environment")
  func options() async throws {
    var environment = ["GOOGLE_ACCESS_TOKEN": "t", "GCP_PROJECT_ID": "p1", "GCP_REGION": "r1"]
    try await withProgram([], environment: environment) { address, output in
      let path = try await path(at: address)
      #expect(path == "/v1/projects/p1/locations/r1/publishers/google/models/m:generateContent")
      #expect(!output.contains("vertex_ai is refused"))
    }
    try await withProgram(["--project", "p2", "--region", "r2"], environment: environment) { address, _ in
      let path = try await path(at: address)
      #expect(path == "/v1/projects/p2/locations/r2/publishers/google/models/m:generateContent")
    }
    environment["GCP_PROJECT_ID"] = ""
    try await withProgram([], environment: environment) { address, output in
      #expect(output.contains("vertex_ai is refused: give --project or set GCP_PROJECT_ID"))
      let message = try await path(at: address)
      #expect(message?.contains("no project") == true)
    }
  }
}
