// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Work that can be given to `EventLoopTasks`. A class, for a protocol would put one more async function in between;
/// `open`, for only that can be subclassed by another module of the package.
open class EventLoopWork {
  public init() {}

  /// Does the work; called on the event loop, and back on it after each wait.
  open func run() async {}
}

/// Runs asynchronous work on an event loop: at once, up to where it first waits for something, and then again on the
/// loop when that is there.
///
/// Most work never waits, and making a task for each piece would cost more than the work. So a task that is done with
/// its piece waits for the next one, and only work that is begun while others wait gets a task of its own.
/// Confined to the event loop, but for `enqueue`.
package final class EventLoopTasks: TaskExecutor, @unchecked Sendable {
  // Unchecked: `enqueue` comes from any thread and looks at the rest only on the event loop.

  private let eventLoop: any EventLoop
  // Exclusive access is not checked at run time for what every message touches, as in HTTP2Session.
  @exclusivity(unchecked) private var idle: [Worker] = []
  @exclusivity(unchecked) private var isResuming = false
  private var isStopped = false

  package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Begins a piece of work, and returns the task that has it in hand if it waits for something.
  package func begin(_ work: EventLoopWork) -> Task<Void, Never>? {
    let worker = idle.popLast() ?? Worker()
    worker.work = work
    if let continuation = worker.continuation {
      worker.continuation = nil
      isResuming = true
      continuation.resume()
    } else {
      worker.task = Task.immediate(executorPreference: self) { await self.run(worker) }
    }
    return worker.work == nil ? nil : worker.task
  }

  /// Ends the tasks that wait for work; those at work end when they are done.
  package func stop() {
    isStopped = true
    for worker in idle { worker.continuation?.resume() }
    idle = []
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if eventLoop.inEventLoop, isResuming {
      // `begin` has just resumed an idle task on this very thread: let it run here and now.
      isResuming = false
      job.runSynchronously(on: asUnownedTaskExecutor())
    } else {
      eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }

  private final class Worker: @unchecked Sendable {
    // Unchecked: touched on the event loop only.
    @exclusivity(unchecked) var work: (EventLoopWork)?
    @exclusivity(unchecked) var continuation: UnsafeContinuation<Void, Never>?
    var task: Task<Void, Never>?
  }

  private func run(_ worker: Worker) async {
    while let work = worker.work {
      await work.run()
      worker.work = nil
      // A task that was cancelled stays so: it is of no use for other work.
      guard !isStopped, !Task.isCancelled, idle.count < Self.maxIdle else { return }
      await withUnsafeContinuation { continuation in
        worker.continuation = continuation
        idle.append(worker)
      }
    }
  }

  /// Tasks kept waiting: one is enough while no work waits, and each takes about a KiB.
  private static let maxIdle = 1
}
