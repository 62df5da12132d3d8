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
  static func output(_ name: String, _ arguments: [String]) async throws -> String {
    let (status, output) = try await result(try path(of: name), arguments)
    guard status == 0 else {
      throw RunError("'\(name) \(arguments.prefix(2).joined(separator: " "))' failed, see above")
    }
    return output
  }

  /// How a program at a path ends, as a shell says it, and what it prints.
  ///
  /// - Parameter errors: where it says what is wrong; nil for with the rest.
  static func result(
    _ path: String, _ arguments: [String], environment: [String: String]? = nil, errors: FileHandle? = .standardError
  ) async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
      // Reading waits, which tasks must not.
      Thread.detachNewThread {
        let process = process(path, arguments)
        let pipe = Pipe()
        process.standardOutput = pipe
        if let environment { process.environment = environment }
        if let errors { process.standardError = errors } else { process.standardError = pipe }
        continuation.resume(
          with: Result {
            try process.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            let signal: Int32 = process.terminationReason == .uncaughtSignal ? 128 : 0
            return (signal + process.terminationStatus, output)
          })
      }
    }
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
