// SPDX-License-Identifier: Apache-2.0
package import CalloutServing
internal import Foundation

/// An example as the program that it is, built beside the tests.
package struct ExampleProcess {
  package let process: ChildProcess
  package let plaintext: ListenAddress
  package let health: ListenAddress
  /// Where it serves discovery, if it does.
  package let xds: ListenAddress?

  package static func start(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], input: String = "/dev/null"
  ) throws -> ChildProcess {
    let directory = Bundle.main.executableURL!.deletingLastPathComponent()
    return try ChildProcess(directory.appending(path: name).path, arguments, environment: environment, input: input)
  }

  /// Has it serve on loopback ports, plaintext only.
  package static let onLoopback = [
    "--disable-tls", "--plaintext-address", "127.0.0.1:0", "--health-check-address", "127.0.0.1:0",
  ]

  /// Starts it on loopback ports, and waits until it serves.
  package static func serve(
    _ name: String, _ arguments: String..., environment: [String: String] = [:]
  ) async throws -> ExampleProcess {
    try await serving(try start(name, onLoopback + arguments, environment: environment))
  }

  /// Waits until it serves.
  package static func serving(_ process: ChildProcess) async throws -> ExampleProcess {
    try await process.waitForOutput { output in
      guard let plaintext = address("plaintext", in: output), let health = address("health", in: output) else {
        return nil
      }
      return ExampleProcess(
        process: process, plaintext: plaintext, health: health, xds: address("xds", in: output))
    }
  }

  /// The address that a program says it listens on by a name, such as `xds`.
  package static func address(_ name: String, in output: String) -> ListenAddress? {
    // As a line of text, or as JSON.
    guard let match = try? Regex("\(name)(?:=|\":\")([0-9.]+:[0-9]+)[ \"]").firstMatch(in: output) else { return nil }
    return match[1].substring.flatMap { ListenAddress(String($0)) }
  }
}
