// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A program that a test runs, with what it prints and how it ends. Safe to use from any thread.
package final class ChildProcess: Sendable {
  /// The number that the system knows it by.
  package let pid: Int32

  private let state = NIOLockedValueBox(State())

  private struct State {
    var output: [UInt8] = []
    var exitStatus: Int32?
    var observers: [AsyncStream<Void>.Continuation] = []

    var isOver: Bool { exitStatus != nil }
  }

  /// Starts a program; its standard output and its standard error are read as one.
  ///
  /// - Parameter input: the file that is its standard input.
  package init(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: String = "/dev/null"
  ) throws {
    let environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output: Int32
    (pid, output) = try Self.starting.withLockedValue { _ in try Self.spawn(executable, arguments, environment, input) }
    Thread.detachNewThread { self.follow(output) }
  }

  /// One at a time: a program that starts between the making of a pipe and its being marked close-on-exec would hold
  /// the other's output open.
  private static let starting = NIOLockedValueBox(())

  private static func spawn(
    _ executable: String, _ arguments: [String], _ environment: [String: String], _ input: String
  ) throws -> (pid: Int32, output: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ChildProcessError("no pipe for \(executable): errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
    var argv = ([executable] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for string in argv + envp { free(string) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    listenToSignals(&attributes)
    var pid: pid_t = 0
    let result = posix_spawn(&pid, executable, &actions, &attributes, &argv, &envp)
    guard result == 0 else {
      close(ends[0])
      throw ChildProcessError("cannot start \(executable): errno \(result)")
    }
    return (pid, ends[0])
  }

  /// A program inherits the signals that the thread which starts it blocks, and SIGTERM would not end it.
  private static func listenToSignals(_ attributes: inout posix_spawnattr_t) {
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
  }

  /// Reads all output, then waits for the end.
  private func follow(_ output: Int32) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(output, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      change { $0.output += buffer[..<count] }
    }
    close(output)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    // As a shell says it: 128 and the signal.
    let signal = status & 0x7f
    change { $0.exitStatus = signal == 0 ? (status >> 8) & 0xff : 128 + signal }
  }

  /// What the program has printed so far.
  package var output: String { state.withLockedValue { String(decoding: $0.output, as: UTF8.self) } }

  /// Whether the program has ended.
  package var hasExited: Bool { state.withLockedValue { $0.exitStatus != nil } }

  /// The exit code, or 128 and the number of the signal; waits until the program has ended and all its output is here.
  package var exitStatus: Int32 {
    get async {
      for await _ in changes() where state.withLockedValue(\.isOver) { break }
      return state.withLockedValue { $0.exitStatus } ?? -1
    }
  }

  /// Waits until something is found in the output; throws where the program ends before that.
  package func waitForOutput<Value: Sendable>(_ find: (String) -> Value?) async throws -> Value {
    for await _ in changes() {
      if let value = find(output) { return value }
      if state.withLockedValue(\.isOver) { break }
    }
    throw ChildProcessError("it ended, or the wait was cancelled, before it printed what was expected:\n\(output)")
  }

  /// Sends a signal, such as `SIGTERM`.
  package func send(signal: Int32) { if !hasExited { kill(pid, signal) } }

  /// Ends the program, by SIGKILL where SIGTERM has no effect in time.
  package func end(within time: Duration = .seconds(5)) async {
    send(signal: SIGTERM)
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { _ = await self.exitStatus }
      tasks.addTask { if (try? await Task.sleep(for: time)) != nil { self.send(signal: SIGKILL) } }
      await tasks.next()
      tasks.cancelAll()
    }
    send(signal: SIGKILL)
  }

  private func change(_ change: (inout State) -> Void) {
    let (observers, isOver) = state.withLockedValue { state in
      change(&state)
      return (state.observers, state.isOver)
    }
    for observer in observers {
      observer.yield()
      if isOver { observer.finish() }
    }
  }

  /// One element now, and one after each change, the unread ones as one.
  private func changes() -> AsyncStream<Void> {
    let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let isOver = state.withLockedValue { state in
      state.observers.append(continuation)
      return state.isOver
    }
    continuation.yield()
    if isOver { continuation.finish() }
    return changes
  }
}

/// Why a program could not be used.
package struct ChildProcessError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
