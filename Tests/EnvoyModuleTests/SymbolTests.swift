// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

/// Envoy refuses a module that needs a function which it does not have.
@Suite("Symbols", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct SymbolTests {
  @Test(
    "Envoy has every function that a module needs",
    arguments: ["TrialModule", "AddHeaderModule", "JWTAuthModule", "HelloApp", "EchoApp", "FilesApp"])
  func symbols(module: String) async throws {
    let directory = try #require(Bundle.main.executableURL).deletingLastPathComponent()
    let needed = try await Self.names(directory.appending(path: "lib\(module).so").path, kinds: ["U"])
    let envoy = try #require(EnvoyProcess.executable)
    let exported = try await Self.names(envoy, kinds: ["T", "t", "W", "i"])
    #expect(!needed.isEmpty)
    #expect(needed.subtracting(exported).sorted() == [])
  }

  /// The functions of Envoy's that a program has or needs.
  private static func names(_ path: String, kinds: Set<String>) async throws -> Set<String> {
    let process = try ChildProcess("/usr/bin/nm", ["--dynamic", path])
    _ = await process.exitStatus
    return process.output.split(separator: "\n").reduce(into: []) { names, line in
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 2, kinds.contains(words[words.count - 2]) else { return }
      if words[words.count - 1].hasPrefix("envoy_dynamic_module_callback_") { names.insert(words[words.count - 1]) }
    }
  }
}
