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
    let process = try process(name, arguments)
    process.standardOutput = FileHandle.standardError
    let status = try await status(of: process)
    guard status == 0 else {
      throw RunError("'\(name) \(arguments.prefix(3).joined(separator: " "))' failed, see above")
    }
  }

  /// What a program prints.
  static func output(_ name: String, _ arguments: [String]) async throws -> String {
    guard let path = find(name) else { throw RunError("there is no '\(name)' on the path") }
    let (status, output) = try await result(path, arguments)
    guard status == 0 else {
      throw RunError("'\(name) \(arguments.prefix(2).joined(separator: " "))' failed, see above")
    }
    return output
  }

  /// How a program at a path ends, and what it prints.
  static func result(_ path: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  /// What a program at a path prints; nothing that it says of failures is shown.
  static func immediateOutput(_ path: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  private static func process(_ name: String, _ arguments: [String]) throws -> Process {
    guard let path = find(name) else { throw RunError("there is no '\(name)' on the path") }
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
