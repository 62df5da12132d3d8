// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

@Suite("LLMGateway as a program", .timeLimit(.minutes(1)))
struct LLMGatewayProgramTests {
  /// Starts the program, which is built beside the tests, on loopback ports and waits until it serves.
  private func withProgram(
    _ arguments: [String], environment: [String: String],
    _ body: (_ plaintext: ListenAddress, _ output: String) async throws -> Void
  ) async throws {
    let directory = Bundle.main.executableURL!.deletingLastPathComponent()
    let process = try ChildProcess(
      directory.appending(path: "LLMGateway").path,
      [
        "--disable-tls", "--plaintext-address", "127.0.0.1:0", "--health-check-address", "127.0.0.1:0", "--drain-delay",
        "0",
      ] + arguments,
      environment: environment)
    do {
      let (address, output) = try await process.waitForOutput { output -> (ListenAddress, String)? in
        guard let match = try? Regex("plaintext=([0-9.]+:[0-9]+) ").firstMatch(in: output) else { return nil }
        return match[1].substring.flatMap { ListenAddress(String($0)) }.map { ($0, output) }
      }
      try await body(address, output)
    } catch {
      await process.end()
      throw error
    }
    await process.end()
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
