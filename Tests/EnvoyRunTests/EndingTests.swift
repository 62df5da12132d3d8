// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

@Suite(
  "envoyrun's end", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(1)))
struct EndingTests {
  @Test("Envoy ends with it, and nothing is left", arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
  func signalled(_ signal: Int32) async throws {
    try await EnvoyRunProcess.withFolder { folder in
      try await EnvoyRunProcess.run("HelloApp", [], environment: ["TMPDIR": folder.path]) { process in
        let address = try await process.address()
        process.send(signal: signal)
        #expect(await process.exitStatus == 0)
        await #expect(throws: (any Error).self) { try await HTTPConnection.connect(to: address) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
      }
    }
  }

  @Test("Envoy ends with it where it is killed")
  func killed() async throws {
    try await EnvoyRunProcess.withFolder { folder in
      try await EnvoyRunProcess.run("HelloApp", [], environment: ["TMPDIR": folder.path]) { process in
        let address = try await process.address()
        process.send(signal: SIGKILL)
        // The output is Envoy's too, so that it has ended by then as well.
        #expect(await process.exitStatus == 128 + SIGKILL)
        await #expect(throws: (any Error).self) { try await HTTPConnection.connect(to: address) }
      }
    }
  }
}
