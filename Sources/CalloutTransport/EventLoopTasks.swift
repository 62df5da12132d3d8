// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Work that can be given to `EventLoopTasks`. A class, for a protocol would put one more async function in between;
/// `open`, for only that can be subclassed by another module of the package.
open class EventLoopWork {
  /// Who has the work in hand, while it does: longer there than the work is in its hands, and so not counted.
  @exclusivity(unchecked) fileprivate var worker: Unmanaged<EventLoopTasks.Worker>?
  private let tasks: Unmanaged<EventLoopTasks>
  fileprivate let kind: ObjectIdentifier?

  /// - Parameters:
  ///   - tasks: who does the work. They are not counted either: what a subclass holds has to hold them.
  ///   - kind: what the work has in common with other work of its class that it goes on with, if it does.
  package init(_ tasks: EventLoopTasks, kind: ObjectIdentifier? = nil) {
    self.tasks = .passUnretained(tasks)
    self.kind = kind
  }

  /// Has the work done by the next `EventLoopTasks.runReady()`, or by a task that is at work now.
  package func becomeReady() { tasks._withUnsafeGuaranteedRef { $0.add(self) } }

  /// Does the work; called on the event loop, and back on it after each wait. It may go on with what `handOn()` returns.
  open func run() async {}

  /// This work is done; the next that is ready is taken in hand where it is of the same kind and class.
  ///
  /// To go on with it saves an `await`, which costs a look at the executor that the task prefers, under a lock. This
  /// work lives until that is done too.
  package func handOn() -> EventLoopWork? {
    guard kind != nil, let worker else { return nil }
    self.worker = nil
    guard !worker._withUnsafeGuaranteedRef({ $0.isCancelled }) else { return nil }
    guard let next = tasks._withUnsafeGuaranteedRef({ $0.takeReady(like: self) }) else { return nil }
    next.worker = worker
    return next
  }

  /// This work is done, if it still is the worker's: it may have handed on, and be another's by now.
  fileprivate func leave(_ worker: EventLoopTasks.Worker) {
    if self.worker?.toOpaque() == Unmanaged.passUnretained(worker).toOpaque() { self.worker = nil }
  }

  /// Cancels the work, if it is in hand.
  package func cancel() { worker?._withUnsafeGuaranteedRef { $0.cancel() } }
}

/// Runs asynchronous work on an event loop: each piece up to where it first waits for something, and then again on
/// the loop when that is there.
///
/// Most work never waits, and making a task for each piece would cost more than the work. So one task does whatever
/// is ready, piece after piece, and then waits for more; only when a piece waits does another task take over the
/// rest. Confined to the event loop, but for `enqueue`.
package final class EventLoopTasks: TaskExecutor, @unchecked Sendable {
  // Unchecked: `enqueue` comes from any thread and looks at the rest only on the event loop.

  private let eventLoop: any EventLoop
  // Exclusive access is not checked at run time for what every message touches, as in HTTP2Session.
  @exclusivity(unchecked) private var ready: [EventLoopWork?] = []
  @exclusivity(unchecked) private var nextReady = 0
  @exclusivity(unchecked) private var idle: [Worker] = []
  @exclusivity(unchecked) private var isResuming = false
  @exclusivity(unchecked) private var isStopped = false

  package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  fileprivate func add(_ work: EventLoopWork) { ready.append(work) }

  /// Does all work that is ready, as far as it need not wait.
  package func runReady() {
    while nextReady < ready.count {
      guard let worker = idle.popLast(), let continuation = worker.continuation else {
        start(Worker())
        continue
      }
      worker.continuation = nil
      isResuming = true
      continuation.resume()
    }
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
      // `runReady` has just resumed an idle task on this very thread: let it run here and now.
      isResuming = false
      job.runSynchronously(on: asUnownedTaskExecutor())
    } else {
      eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }

  fileprivate final class Worker: @unchecked Sendable {
    // Unchecked: touched on the event loop only.
    @exclusivity(unchecked) var continuation: UnsafeContinuation<Void, Never>?
    @exclusivity(unchecked) var task: Task<Void, Never>?
    @exclusivity(unchecked) private(set) var isCancelled = false

    func cancel() {
      isCancelled = true
      task?.cancel()
    }
  }

  private func start(_ worker: Worker) {
    worker.task = Task.immediate(executorPreference: self) { await self.run(worker) }
  }

  private func run(_ worker: Worker) async {
    while true {
      while let work = takeReady() {
        work.worker = .passUnretained(worker)
        await work.run()
        work.leave(worker)
        // A task that was cancelled stays so: it is of no use for other work.
        if worker.isCancelled { return runReadyElsewhere() }
      }
      guard !isStopped, idle.count < Self.maxIdle else { return }
      await withUnsafeContinuation { continuation in
        worker.continuation = continuation
        idle.append(worker)
      }
    }
  }

  private func takeReady() -> EventLoopWork? {
    guard nextReady < ready.count else {
      ready.removeAll(keepingCapacity: true)
      nextReady = 0
      return nil
    }
    defer { nextReady += 1 }
    return ready[nextReady].take()
  }

  /// The next work that is ready, if it is of the same kind and class.
  fileprivate func takeReady(like work: EventLoopWork) -> EventLoopWork? {
    guard let next = takeReady() else { return nil }
    if next.kind == work.kind, type(of: next) == type(of: work) { return next }
    nextReady -= 1
    ready[nextReady] = next
    return nil
  }

  private func runReadyElsewhere() {
    eventLoop.execute { self.runReady() }
  }

  /// Tasks kept waiting: one is enough while no work waits, and each takes about a KiB.
  private static let maxIdle = 1
}
