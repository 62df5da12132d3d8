// SPDX-License-Identifier: Apache-2.0
import Foundation

/// All that an Envoy runs with, in a folder of its own: its configuration, and a copy of the library, for whoever changes
/// the library would change the code that runs.
struct EnvoySetup {
  /// What the library was copied from.
  let library: ModuleLibrary
  let folder: URL
  private let command: EnvoyRun
  private let executable: String

  typealias Maker = @Sendable (ModuleLibrary) async throws -> EnvoySetup

  /// Throws where the library cannot be used as the options want it; then nothing is left.
  init(
    _ library: ModuleLibrary, _ command: EnvoyRun, _ executable: String, identity: TLSFiles?, in parent: URL
  ) async throws {
    self.library = library
    self.command = command
    self.executable = executable
    folder = parent.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    do {
      let copy = ModuleLibrary(path: folder.appending(path: "lib\(library.name).so").path, file: library.file)
      try Self.copy(library.path, to: copy.path)
      let configuration = try await command.envoyConfiguration(copy, identity: identity)
      try Data(configuration.yaml().utf8).write(to: configurationFile)
    } catch {
      remove()
      throw error
    }
  }

  private static func copy(_ path: String, to copy: String) throws {
    do {
      // Of a link, what it leads to.
      let original = URL(filePath: path).resolvingSymlinksInPath()
      try FileManager.default.copyItem(at: original, to: URL(filePath: copy))
    } catch {
      throw RunError("\(path) cannot be copied to \(copy): \(error.localizedDescription)")
    }
  }

  /// Leaves nothing of it.
  func remove() { try? FileManager.default.removeItem(at: folder) }

  /// Has Envoy try the configuration, and the module; throws what it says where it would not run.
  func validate() async throws {
    let arguments = ["--mode", "validate", "--config-path", configurationFile.path]
    let (status, output) = try await Command.result(
      executable, arguments + ["--log-level", "error", "--log-format", "%v"], environment: environment, errors: nil)
    guard status == 0 else {
      let reason = output.split(separator: "\n").first ?? "it ends with \(status)"
      throw RunError("Envoy refuses \(library.file): \(reason)")
    }
  }

  func start() async throws -> EnvoyChild {
    let adminFile = folder.appending(path: "admin")
    let arguments =
      [
        "--config-path", configurationFile.path, "--admin-address-path", adminFile.path, "--disable-hot-restart",
        "--log-level", command.logLevel,
      ] + (command.workers.map { ["--concurrency", "\($0)"] } ?? [])
    return EnvoyChild(
      try await SpawnedProcess.start(executable, arguments, environment: environment), adminFile: adminFile)
  }

  private var configurationFile: URL { folder.appending(path: "envoy.yaml") }

  private var environment: [String: String] {
    ProcessInfo.processInfo.environment.merging(["ENVOY_DYNAMIC_MODULES_SEARCH_PATH": folder.path]) { $1 }
  }
}
