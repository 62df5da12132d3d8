// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import Synchronization

/// One HTTP stream with one filter of the module: it is told what happens, and runs the tasks of its stream.
///
/// These run on the worker of Envoy's that owns the stream: within the hook that made them ready, or in a turn that the
/// stream asks Envoy for. So no thread is changed and no call of Envoy's guarded. Once Envoy has destroyed the filter,
/// tasks that are left run on the shared thread pool, where they find the stream closed.
class FilterStream: @unchecked Sendable {
  // Unchecked: all but `turns` is touched on the worker alone, and after the filter's end by the last task of the stream.

  let envoy: EnvoyStream
  /// Envoy has the filter still.
  @exclusivity(unchecked) private(set) var isOpen = true
  /// Bytes that were sent to the client in this turn.
  @exclusivity(unchecked) var written = 0
  private let turns = Mutex(Turns())

  /// So many bytes may be written before a turn ends. Envoy's HTTP/2 sends nothing before, and closes a connection for
  /// which too much waits.
  static let mostInATurn = 128 * 1_024

  /// What waits for the worker, under a lock because any thread may make a task ready.
  private struct Turns {
    var ready: [Ready] = []
    /// The worker is at it, and will find what is added.
    var isRunning = false
    var isAskedFor = false
    var isClosed = false
    var scheduler: UnsafeMutableRawPointer?
  }

  private enum Ready {
    case job(UnownedJob, StreamTask)
    case work(@Sendable () -> Void)
  }

  init(_ envoy: EnvoyStream) { self.envoy = envoy }

  // MARK: What happens, for subclasses

  func requestHeaders(endOfStream: Bool) -> HeadersStatus { .proceed }
  func requestBody(endOfStream: Bool) -> DataStatus { .proceed }
  func requestTrailers() -> TrailersStatus { .proceed }
  func responseHeaders(endOfStream: Bool) -> HeadersStatus { .proceed }
  func responseBody(endOfStream: Bool) -> DataStatus { .proceed }
  func responseTrailers() -> TrailersStatus { .proceed }
  /// The client takes less than we send, or takes more again. Nothing may be written before the next turn: Envoy crashes.
  func downstreamIsFull(_ isFull: Bool) {}
  /// The filter is gone; what its tasks wait for will not come.
  func streamEnded() {}

  // MARK: Tasks

  /// Has a part of a task run, which is ready; from any thread.
  final func enqueue(_ job: UnownedJob, on task: StreamTask) {
    if !add(.job(job, task)) { globalConcurrentExecutor.enqueue(job) }
  }

  /// Runs something on the worker in a later turn, or when the stream ends.
  final func inLaterTurn(_ work: @escaping @Sendable () -> Void) {
    if !add(.work(work)) { work() }
  }

  /// Returns in a later turn: within one, Envoy's HTTP/2 sends nothing of what is written.
  final func nextTurn() async {
    await withUnsafeContinuation { continuation in inLaterTurn { continuation.resume() } }
  }

  /// Takes note of what is ready; false where the stream is closed.
  private func add(_ ready: Ready) -> Bool {
    turns.withLock { turns in
      guard !turns.isClosed else { return false }
      turns.ready.append(ready)
      guard !turns.isRunning, !turns.isAskedFor else { return true }
      turns.isAskedFor = true
      let scheduler = turns.scheduler ?? envoy.makeScheduler()
      turns.scheduler = scheduler
      // Under the lock, since the scheduler is deleted under it.
      envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler, 0)
      return true
    }
  }

  /// Begins work, which runs at once as far as it gets without waiting.
  final func start(_ work: StreamWork) { StreamTask.start(work, for: self) }

  /// Runs what is ready, on the worker.
  final func runReady() {
    let isFirst = turns.withLock { turns in
      defer { turns.isRunning = true }
      return !turns.isRunning
    }
    // Envoy may call a hook from within what runs here.
    guard isFirst else { return }
    while let next = takeReady() {
      switch next {
      case .job(let job, let task): job.runSynchronously(on: task.asUnownedTaskExecutor())
      case .work(let work): work()
      }
    }
  }

  private func takeReady() -> Ready? {
    turns.withLock { turns in
      guard !turns.ready.isEmpty else {
        turns.isRunning = false
        return nil
      }
      return turns.ready.removeFirst()
    }
  }

  // MARK: From Envoy

  final func scheduled() {
    turns.withLock { $0.isAskedFor = false }
    written = 0
    runReady()
  }

  final func destroyed() {
    isOpen = false
    let left = turns.withLock { turns in
      turns.isClosed = true
      if let scheduler = turns.scheduler { envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler) }
      turns.scheduler = nil
      defer { turns.ready = [] }
      return turns.ready
    }
    streamEnded()
    for ready in left {
      switch ready {
      case .job(let job, _): globalConcurrentExecutor.enqueue(job)
      case .work(let work): work()
      }
    }
  }
}
