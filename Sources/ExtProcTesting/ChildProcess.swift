// SPDX-License-Identifier: Apache-2.0
internal import Foundation
import Synchronization

/// A program that a test runs, with what it prints and how it ends. Safe to use from any thread.
package final class ChildProcess: Sendable {
  /// The number that the system knows it by.
  package let pid: Int32

  private let state = Mutex(State())

  private struct State {
    var output: [UInt8] = []
    var isOutputEnded = false
    var exitStatus: Int32?
    var observers: [AsyncStream<Void>.Continuation] = []

    var isOver: Bool { isOutputEnded && exitStatus != nil }
  }

  /// Starts a program; its standard output and its standard error are read as one.
  package init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    let process = Process()
    let output = Self.makePipe()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    let started = Mutex<ChildProcess?>(nil)
    let early = Mutex<Int32?>(nil)
    process.terminationHandler = { process in
      // Reported as a shell does: 128 and the signal.
      let status = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
      early.withLock { $0 = status }
      started.withLock { $0 }?.change { $0.exitStatus = status }
    }
    try Self.starting.withLock { _ in try process.run() }
    pid = process.processIdentifier
    started.withLock { $0 = self }
    if let status = early.withLock({ $0 }) { change { $0.exitStatus = status } }
    output.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil }
      self.change { state in
        state.output += data
        state.isOutputEnded = data.isEmpty
      }
    }
  }

  // A program that is started while another's pipe is open would inherit it and keep it open, so that the other's
  // output would not end with it.
  private static let starting = Mutex(())

  private static func makePipe() -> Pipe {
    starting.withLock { _ in
      let pipe = Pipe()
      for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
        _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
      }
      return pipe
    }
  }

  /// What the program has printed so far.
  package var output: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }

  /// Whether the program has ended.
  package var hasExited: Bool { state.withLock { $0.exitStatus != nil } }

  /// The exit code, or 128 and the number of the signal; waits until the program has ended and all its output is here.
  package var exitStatus: Int32 {
    get async {
      for await _ in changes() where state.withLock(\.isOver) { break }
      return state.withLock { $0.exitStatus } ?? -1
    }
  }

  /// Waits until something is found in the output; throws where the program ends before that.
  package func waitForOutput<Value: Sendable>(_ find: (String) -> Value?) async throws -> Value {
    for await _ in changes() {
      if let value = find(output) { return value }
      if state.withLock(\.isOver) { break }
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
    let (observers, isOver) = state.withLock { state in
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
    let isOver = state.withLock { state in
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
