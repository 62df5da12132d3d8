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
  // Unchecked: all but `turns` is touched on the worker alone, and after the filter's end by one task after the other.

  let envoy: EnvoyStream
  /// Envoy has the filter still.
  @exclusivity(unchecked) private(set) var isOpen = true
  /// Bytes that were sent to the client in this turn.
  @exclusivity(unchecked) var written = 0
  /// The answer that has begun can have no body.
  @exclusivity(unchecked) var hasNoBody = false
  /// How often Envoy said that the client takes no more, less how often it took it back.
  @exclusivity(unchecked) private var fullness = 0
  @exclusivity(unchecked) private var writers: [UnsafeContinuation<Void, Never>] = []
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
  /// The filter is gone; what its tasks wait for will not come.
  func streamEnded() {}

  // MARK: Tasks

  /// Begins work, which runs at once as far as it gets without waiting; within a turn.
  final func start(_ work: StreamWork) {
    StreamTask.start(work, for: self)
    if work.isInHand { turns.withLock { prepare(&$0) } }
  }

  /// Has a part of a task run, which is ready; from any thread.
  final func enqueue(_ job: UnownedJob, on task: StreamTask) { add(.job(job, task)) }

  /// Runs something on the worker in a later turn, or when the stream has ended.
  final func inLaterTurn(_ work: @escaping @Sendable () -> Void) { add(.work(work)) }

  /// Returns in a later turn: within one, Envoy's HTTP/2 sends nothing of what is written.
  final func nextTurn() async {
    await withUnsafeContinuation { continuation in inLaterTurn { continuation.resume() } }
  }

  private func add(_ ready: Ready) {
    let isOnlyOne = turns.withLock { turns in
      turns.ready.append(ready)
      guard !turns.isRunning else { return false }
      if turns.isClosed {
        turns.isRunning = true
        return true
      }
      guard !turns.isAskedFor else { return false }
      turns.isAskedFor = true
      prepare(&turns)
      // Under the lock, since the scheduler is deleted under it.
      if let scheduler = turns.scheduler { envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler, 0) }
      return false
    }
    if isOnlyOne { runWithoutWorker() }
  }

  /// Makes what any thread may ask for a turn by; on the worker, before a task first waits.
  private func prepare(_ turns: inout sending Turns) {
    if turns.scheduler == nil, !turns.isClosed { turns.scheduler = envoy.makeScheduler() }
  }

  /// Runs something on the worker, and then what is ready or becomes so meanwhile.
  final func runTurn(_ body: () -> Void) {
    let isFirst = turns.withLock { turns in
      defer { turns.isRunning = true }
      return !turns.isRunning
    }
    body()
    // Envoy may call a hook from within a turn, which goes on with what is ready.
    if isFirst { runAll() }
  }

  private func runAll() {
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

  /// Runs what is ready, and becomes so meanwhile, on the shared thread pool.
  private func runWithoutWorker() { Task.detached { self.runAll() } }

  // MARK: The client's pace

  /// Waits while the client takes less than is sent to it, unless the task is cancelled.
  final func waitForClient() async {
    if written >= Self.mostInATurn { await nextTurn() }
    while fullness > 0, isOpen, !Task.isCancelled {
      await withTaskCancellationHandler {
        await withUnsafeContinuation { writers.append($0) }
      } onCancel: {
        inLaterTurn { self.wakeWriters() }
      }
    }
  }

  /// The client takes less than we send, or takes more again.
  final func downstreamIsFull(_ isFull: Bool) {
    fullness += isFull ? 1 : -1
    // Whoever is waked runs in a later turn: within this hook Envoy crashes where something is written.
    if fullness == 0 { wakeWriters() }
  }

  private func wakeWriters() {
    let writers = writers
    self.writers = []
    for writer in writers { writer.resume() }
  }

  // MARK: From Envoy

  final func scheduled() {
    turns.withLock { $0.isAskedFor = false }
    written = 0
    runTurn {}
  }

  final func destroyed() {
    isOpen = false
    let isFirst = turns.withLock { turns in
      turns.isClosed = true
      if let scheduler = turns.scheduler { envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler) }
      turns.scheduler = nil
      // Nothing runs elsewhere before all is told of the end.
      defer { turns.isRunning = true }
      return !turns.isRunning
    }
    streamEnded()
    wakeWriters()
    // Otherwise the filter was destroyed within what runs, and that goes on with the rest.
    guard isFirst else { return }
    let isAnyLeft = turns.withLock { turns in
      turns.isRunning = !turns.ready.isEmpty
      return turns.isRunning
    }
    if isAnyLeft { runWithoutWorker() }
  }
}
