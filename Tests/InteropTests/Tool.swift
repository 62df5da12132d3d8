// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation

/// Programs of others that the tests talk to.
enum Tool {
  /// A Python with gRPC's packages, named by the environment.
  static let python = ProcessInfo.processInfo.environment["CALLOUTS_PYTHON"]
  static let curl = find("curl")
  static let h2load = find("h2load")

  static let pythonHint = "needs gRPC's Python packages: set $CALLOUTS_PYTHON to a python that has them"
  static let curlHint = "needs curl"
  static let h2loadHint = "needs h2load, of Debian's nghttp2-client"

  /// The script that makes Python a client or a server.
  static let script = script("interop.py")
  /// The script that makes it a client of a control plane.
  static let xdsScript = script("xds_client.py")

  private static func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(name).path
  }

  private static func find(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first(where: FileManager.default.isExecutableFile(atPath:))
  }

  /// Runs a program to its end; returns its exit code and what it printed.
  static func run(_ executable: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = try ChildProcess(executable, arguments)
    return await withTaskCancellationHandler {
      (await process.exitStatus, process.output)
    } onCancel: {
      process.send(signal: SIGKILL)
    }
  }
}

/// Runs `body` with a directory of its own, short enough for the path of a socket in it.
func withTemporaryDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
  let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("callouts-\(UInt32.random(in: 0 ... .max))")
  try FileManager.default.createDirectory(
    at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory)
}
