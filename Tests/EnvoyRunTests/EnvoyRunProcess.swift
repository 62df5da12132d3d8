// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Foundation

/// envoyrun as the program that it is, with modules that are built beside the tests.
enum EnvoyRunProcess {
  static func library(_ product: String) -> String {
    Bundle.main.executableURL!.deletingLastPathComponent().appending(path: "lib\(product).so").path
  }

  /// - Parameter module: what it runs: a product's library, or a path.
  static func start(
    _ module: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ChildProcess {
    let module = module.contains("/") ? module : library(module)
    return try ExampleProcess.start("envoyrun", [module] + arguments, environment: self.environment(environment))
  }

  /// In a folder, on a product of the package there.
  static func start(in folder: URL, _ arguments: [String]) throws -> ChildProcess {
    let program = Bundle.main.executableURL!.deletingLastPathComponent().appending(path: "envoyrun").path
    return try ChildProcess(
      "/usr/bin/env", ["--chdir", folder.path, program] + arguments, environment: environment([:]))
  }

  private static func environment(_ others: [String: String]) -> [String: String] {
    others.merging(["ENVOY": EnvoyProcess.executable!]) { $1 }
  }

  /// Runs it on ports that the system chooses while `body` runs.
  static func run(
    _ module: String, _ arguments: [String], environment: [String: String] = [:],
    _ body: (ChildProcess) async throws -> Void
  ) async throws {
    try await running(
      try start(module, ["--port", "0", "--workers", "1"] + arguments, environment: environment), body)
  }

  static func running(_ process: ChildProcess, _ body: (ChildProcess) async throws -> Void) async throws {
    let result: Result<Void, any Error>
    do { result = .success(try await body(process)) } catch { result = .failure(error) }
    await process.end(within: .seconds(20))
    try result.get()
  }

  /// A folder of its own while `body` runs.
  static func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }
}

extension ChildProcess {
  /// Where it says that it listens; waits for that.
  ///
  /// - Parameter start: which of its Envoys, from 1.
  func address(_ scheme: String = "http", start: Int = 1) async throws -> ListenAddress {
    try await waitForOutput { output in
      let lines = output.split(separator: "\n").filter { $0.hasPrefix("listening: \(scheme)://") && !$0.hasSuffix(")") }
      return lines.count < start
        ? nil : lines[start - 1].split(separator: "/").last.flatMap { ListenAddress(String($0)) }
    }
  }

  /// Waits until it has said something.
  func waitForOutput(containing text: String) async throws {
    try await waitForOutput { output in output.contains(text) ? () : nil }
  }
}
