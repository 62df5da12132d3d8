// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A program that runs beside this one, and prints where this one does.
///
/// Foundation's `Process` leaves it the signals that this program ignores because it handles them itself, so that SIGTERM
/// would not end it.
final class SpawnedProcess: Sendable {
  private let pid: pid_t
  private let exit: Task<Int32, Never>

  init(_ path: String, _ arguments: [String], environment: [String: String]) throws {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var argv = ([path] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let result = posix_spawn(&pid, path, nil, &attributes, &argv, &envp)
    guard result == 0 else { throw RunError("\(path) cannot be run: \(String(cString: strerror(result)))") }
    self.pid = pid
    let (ends, ended) = AsyncStream.makeStream(of: Int32.self)
    exit = Task { await ends.first { _ in true } ?? 0 }
    let child = pid
    Thread.detachNewThread {
      var code: Int32 = 0
      while waitpid(child, &code, 0) < 0, errno == EINTR {}
      let signal = code & 0x7f
      // As a shell says it: 128 and the signal.
      ended.yield(signal == 0 ? (code >> 8) & 0xff : 128 + signal)
    }
  }

  /// The exit code; waits for it.
  var status: Int32 { get async { await exit.value } }

  func send(_ signal: Int32) { kill(pid, signal) }
}
