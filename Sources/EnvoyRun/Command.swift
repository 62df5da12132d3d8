// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Runs other programs to their end.
enum Command {
  /// The first program of this name on the path.
  static func find(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
      .first(where: FileManager.default.isExecutableFile)
  }

  /// Runs a program, whose output goes to standard error.
  static func run(_ name: String, _ arguments: [String]) async throws {
    let process = process(try path(of: name), arguments)
    process.standardOutput = FileHandle.standardError
    let status = try await status(of: process)
    guard status == 0 else {
      throw RunError("'\(name) \(arguments.prefix(3).joined(separator: " "))' failed, see above")
    }
  }

  /// What a program prints.
  static func output(_ name: String, _ arguments: [String]) throws -> String {
    let (status, output) = try result(try path(of: name), arguments)
    guard status == 0 else {
      throw RunError("'\(name) \(arguments.prefix(2).joined(separator: " "))' failed, see above")
    }
    return output
  }

  /// How a program at a path ends, and what it prints; waits for it without suspending.
  ///
  /// - Parameter errors: where it says what is wrong.
  static func result(
    _ path: String, _ arguments: [String], errors: FileHandle = .standardError
  ) throws -> (status: Int32, output: String) {
    let process = process(path, arguments)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = errors
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  private static func path(of name: String) throws -> String {
    guard let path = find(name) else { throw RunError("there is no '\(name)' on the path") }
    return path
  }

  private static func process(_ path: String, _ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    return process
  }

  private static func status(of process: Process) async throws -> Int32 {
    try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: RunError("\(error)")) }
    }
  }
}
