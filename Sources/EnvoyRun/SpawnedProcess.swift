// SPDX-License-Identifier: Apache-2.0
import CSpawn
import Foundation

/// A program that runs beside this one, prints where this one does, and gets SIGTERM where this one ends before it, killed
/// for instance.
///
/// Foundation's `Process` leaves it the signals that this program ignores because it handles them itself, so that SIGTERM
/// would not end it.
final class SpawnedProcess: Sendable {
  private let pid: pid_t
  private let exit: Task<Int32, Never>

  private init(pid: pid_t, ended: AsyncStream<Int32>) {
    self.pid = pid
    exit = Task { await ended.first { _ in true } ?? 0 }
  }

  static func start(
    _ path: String, _ arguments: [String], environment: [String: String]
  ) async throws -> SpawnedProcess {
    try await withCheckedThrowingContinuation { started in
      // The program is bound to this thread, which stays as long as it does.
      Thread.detachNewThread {
        do {
          let pid = try spawn(path, arguments, environment)
          let (ended, end) = AsyncStream.makeStream(of: Int32.self)
          started.resume(returning: SpawnedProcess(pid: pid, ended: ended))
          end.yield(wait(for: pid))
        } catch {
          started.resume(throwing: error)
        }
      }
    }
  }

  private static func spawn(_ path: String, _ arguments: [String], _ environment: [String: String]) throws -> pid_t {
    var argv = ([path] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let result = spawnBoundToThread(&pid, path, &argv, &envp)
    guard result == 0 else { throw RunError("\(path) cannot be run: \(String(cString: strerror(result)))") }
    return pid
  }

  private static func wait(for pid: pid_t) -> Int32 {
    var code: Int32 = 0
    while waitpid(pid, &code, 0) < 0, errno == EINTR {}
    let signal = code & 0x7f
    // As a shell says it: 128 and the signal.
    return signal == 0 ? (code >> 8) & 0xff : 128 + signal
  }

  /// The exit code; waits for it.
  var status: Int32 { get async { await exit.value } }

  func send(_ signal: Int32) { kill(pid, signal) }
}
