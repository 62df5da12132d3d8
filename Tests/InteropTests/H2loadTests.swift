// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("h2load and our server", .enabled(if: Tool.h2load != nil, "\(Tool.h2loadHint)"), .timeLimit(.minutes(1)))
struct H2loadTests {
  @Test("all of many calls on a few connections succeed", arguments: [Wire.plaintext, .tls])
  func load(wire: Wire) async throws {
    let h2load = try #require(Tool.h2load)
    let output = try await withTemporaryDirectory { directory in
      let body = directory.appendingPathComponent("message")
      try Data([0, 0, 0, 0, 5] + Array("hello".utf8)).write(to: body)
      return try await InteropServer.run(wire) { server in
        try await Tool.run(
          h2load,
          [
            "-n", "5000", "-c", "10", "-m", "50", "-d", body.path, "-H", "content-type: application/grpc",
            "-H", "te: trailers", server.url + "/interop.Test/Echo",
          ]
        ).output
      }
    }
    #expect(output.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(output)")
    #expect(output.contains("5000 2xx"), "\(output)")
  }
}
