// SPDX-License-Identifier: Apache-2.0
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

extension CalloutService {
  /// Runs until SIGTERM or SIGINT, which drains; a second one ends the process at once.
  ///
  /// Throws what `run()` throws.
  public func runUntilSignalled() async throws {
    guard try !runProxyCommand() else { return }
    let group = ServiceGroup(services: [self], logger: logger)
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        var isDraining = false
        for await signal in signals {
          if isDraining { exit(128 + (signal == .sigint ? SIGINT : SIGTERM)) }
          isDraining = true
          await group.triggerGracefulShutdown()
        }
      }
      defer { tasks.cancelAll() }
      try await group.run()
    }
  }
}
