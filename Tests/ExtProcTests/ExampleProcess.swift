// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation

/// The example AddHeader as the program that it is.
enum ExampleProcess {
  /// Built beside the tests.
  static func start(_ arguments: [String]) throws -> ChildProcess {
    let directory = Bundle.main.executableURL!.deletingLastPathComponent()
    return try ChildProcess(directory.appending(path: "AddHeader").path, arguments)
  }

  /// Starts it on loopback ports, plaintext only, and waits until it serves.
  static func serve(_ arguments: String...) async throws -> (
    process: ChildProcess, plaintext: ListenAddress, health: ListenAddress
  ) {
    let directory = Bundle.main.executableURL!.deletingLastPathComponent()
    let process = try ChildProcess(
      directory.appending(path: "AddHeader").path,
      [
        "--disable-tls", "--plaintext-address", "127.0.0.1:0", "--health-check-address", "127.0.0.1:0",
      ] + arguments)
    return try await process.waitForOutput { output in
      guard let plaintext = address("plaintext", in: output), let health = address("health", in: output) else {
        return nil
      }
      return (process, plaintext, health)
    }
  }

  private static func address(_ name: String, in output: String) -> ListenAddress? {
    guard let match = try? Regex("\(name)=([0-9.]+:[0-9]+) ").firstMatch(in: output) else { return nil }
    return match[1].substring.flatMap { ListenAddress(String($0)) }
  }
}
