// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI

/// A task that does the work of one stream after another, since making a task costs more than most hooks do.
///
/// It is the executor of its work, which runs on the worker of the stream that it is at work for.
final class StreamTask: TaskExecutor, @unchecked Sendable {
  // Unchecked: all is touched on one worker's thread, but for what `enqueue` reads and nobody changes during the work.

  @exclusivity(unchecked) private var work: StreamWork?
  /// Whose work it is.
  @exclusivity(unchecked) private var stream: FilterStream?
  @exclusivity(unchecked) private var task: Task<Void, Never>?
  /// Waits for more work.
  @exclusivity(unchecked) private var continuation: UnsafeContinuation<Void, Never>?
  @exclusivity(unchecked) private var isResuming = false
  @exclusivity(unchecked) private var isCancelled = false

  /// Begins work of a stream, on its worker: it runs at once as far as it gets without waiting.
  static func start(_ work: StreamWork, for stream: FilterStream) {
    let task = IdleTasks.ofThread.take() ?? StreamTask()
    work.task = task
    task.work = work
    task.stream = stream
    task.resume()
  }

  private func resume() {
    guard let continuation else {
      task = Task.immediate(executorPreference: self) { await self.run() }
      // It may have been cancelled before it was known.
      if isCancelled { task?.cancel() }
      return
    }
    self.continuation = nil
    isResuming = true
    continuation.resume()
  }

  private func run() async {
    var current = work.take()
    while current != nil {
      await current?.run()
      current?.task = nil
      // While it waits it must not keep what it has done: that has its stream.
      current = nil
      let isOpen = stream?.isOpen == true
      stream = nil
      // A cancelled task stays so. Work that outlived its stream ends on another thread.
      guard isOpen, !isCancelled else { return }
      let idle = IdleTasks.ofThread
      guard idle.hasRoom else { return }
      await withUnsafeContinuation { continuation in
        self.continuation = continuation
        idle.add(self)
      }
      current = work.take()
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isResuming {
      // New work: nothing else of this task is ready, on this thread or on another.
      isResuming = false
      job.runSynchronously(on: asUnownedTaskExecutor())
    } else if let stream {
      stream.enqueue(job, on: self)
    } else {
      preconditionFailure("a task without work is resumed by its start alone")
    }
  }

  fileprivate func cancel() {
    isCancelled = true
    task?.cancel()
  }
}

/// Something that a stream does and that may wait.
class StreamWork {
  // A class, for a protocol would put one more async function in between.

  /// What does it, while it is in hand: longer there than the work is, and so not counted.
  @exclusivity(unchecked) fileprivate unowned(unsafe) var task: StreamTask?

  /// Does it: called on the stream's worker, and back on it after each wait.
  func run() async {}

  final var isInHand: Bool { task != nil }

  /// Cancels it, if it is in hand; on the stream's worker.
  final func cancel() { task?.cancel() }
}

/// The tasks of a worker that wait for work.
private final class IdleTasks {
  @exclusivity(unchecked) private var tasks: [StreamTask] = []

  static var ofThread: IdleTasks {
    let place = envoyThreadObject()
    if let object = place.pointee { return Unmanaged<IdleTasks>.fromOpaque(object).takeUnretainedValue() }
    let new = IdleTasks()
    // Workers live as long as Envoy.
    place.pointee = Unmanaged.passRetained(new).toOpaque()
    return new
  }

  var hasRoom: Bool { tasks.count < Self.most }

  func take() -> StreamTask? { tasks.popLast() }

  func add(_ task: StreamTask) { tasks.append(task) }

  /// For the hooks that wait at one time: each takes about a KiB.
  private static let most = 64
}
