// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite(
  "gRPC's Python client and our server", .enabled(if: Tool.python != nil, "\(Tool.pythonHint)"), .timeLimit(.minutes(3))
)
struct PythonClientTests {
  @Test("every case of the script succeeds", arguments: Wire.allCases)
  func cases(wire: Wire) async throws {
    let python = try #require(Tool.python)
    let (status, output) = try await InteropServer.run(wire) { server in
      try await Tool.run(
        python, [Tool.script, "client", server.target] + (server.certificate.map { [$0] } ?? []))
    }
    let lines = output.split(separator: "\n").map(String.init)
    for line in lines where line.hasPrefix("FAIL") { Issue.record("over \(wire): \(line)") }
    #expect(status == 0, "\(output)")
    #expect(lines.filter { $0.hasPrefix("ok ") }.count == 22, "\(output)")
  }
}
