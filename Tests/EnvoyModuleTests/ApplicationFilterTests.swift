// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import EnvoyModule

@Suite("The end of an application", .timeLimit(.minutes(1)))
struct ApplicationFilterTests {
  @Test("the thread that makes filters waits until the application has stopped")
  func maker() async {
    let application = Stopping()
    application.mayStop.finish()
    await onThread { ApplicationFilter(application, name: "quick").retire() }
    #expect(application.hasStopped)
  }

  @Test("another thread, which may be a worker, does not wait")
  func worker() async {
    let application = Stopping()
    let time = await onThread {
      let filter = ApplicationFilter(application, name: "slow")
      let time = Mutex(Duration.zero)
      let hasRetired = DispatchSemaphore(value: 0)
      // Beside this thread, for the system gives the number of one that has ended to the next.
      Thread.detachNewThread {
        let elapsed = ContinuousClock().measure { filter.retire() }
        time.withLock { $0 = elapsed }
        hasRetired.signal()
      }
      hasRetired.wait()
      return time.withLock { $0 }
    }
    #expect(time < .seconds(5))
    #expect(!application.hasStopped)
    application.mayStop.finish()
    while !application.hasStopped { await Task.yield() }
  }
}

/// Calls `body` on a thread of its own.
private func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}

/// Stops when it may.
private final class Stopping: HTTPApplication {
  let mayStop: AsyncStream<Void>.Continuation
  private let stops: AsyncStream<Void>
  private let stopped = Mutex(false)

  init() { (stops, mayStop) = AsyncStream.makeStream() }

  var hasStopped: Bool { stopped.withLock { $0 } }

  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {}

  func stop() async {
    for await _ in stops {}
    stopped.withLock { $0 = true }
  }
}
