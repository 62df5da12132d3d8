// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import HTTPTypes
internal import Logging
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// An application as a filter: what all its requests share.
final class ApplicationFilter: Filter {
  let application: any HTTPApplication
  let limits: RequestLimits
  let logger: Logger
  private let start: Task<Void, any Error>
  /// The application has started, so that nobody need wait.
  private let hasStarted = Atomic(false)
  /// Envoy's main thread, which makes filters.
  private let maker = ApplicationFilter.thread

  init(_ application: any HTTPApplication, name: String) {
    self.application = application
    limits = application.limits
    let logger = Logger(label: name)
    self.logger = logger
    start = Task {
      do {
        try await application.start()
      } catch {
        logger.error("the application does not start", metadata: ["error": "\(error)"])
        throw error
      }
    }
  }

  func makeStream(_ envoy: EnvoyStream) -> FilterStream { ApplicationStream(envoy, self) }

  func waitForStart() async throws {
    guard !hasStarted.load(ordering: .acquiring) else { return }
    do {
      try await start.value
    } catch {
      throw HTTPFailure(.serviceUnavailable)
    }
    hasStarted.store(true, ordering: .releasing)
  }

  /// Stops the application. A worker may be the last to let go of a route's filter, and has connections to serve; the main
  /// thread waits, for what is not done when Envoy ends is never done.
  func retire() {
    let isDone = DispatchSemaphore(value: 0)
    Task {
      if (try? await start.value) != nil { await application.stop() }
      isDone.signal()
    }
    if Self.thread == maker { _ = isDone.wait(timeout: .now() + .seconds(5)) }
  }

  private static var thread: Int { Int(bitPattern: pthread_self()) }
}
