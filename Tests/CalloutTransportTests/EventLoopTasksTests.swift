// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOPosix
import Testing

@Suite("Work on an event loop")
struct EventLoopTasksTests {
  let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

  @Test("work of one kind that is ready together is done by one run, in order, and other work between by its own")
  func kinds() async throws {
    let log = try await trial { trial in
      for (name, kind) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x"), ("e", nil), ("f", nil)] {
        trial.work(name, kind).becomeReady()
      }
      trial.tasks.runReady()
      return trial.log.whenDone(6)
    }
    #expect(log.runs == [["a", "b"], ["c"], ["d"], ["e"], ["f"]])
  }

  @Test("work that waits leaves what is ready to others, and is done on the event loop")
  func waiting() async throws {
    let log = try await trial { trial in
      let (a, b) = (trial.work("a", "x", waits: true), trial.work("b", "x"))
      a.becomeReady()
      b.becomeReady()
      trial.tasks.runReady()
      #expect(trial.log.done == ["b"])
      a.finish()
      return trial.log.whenDone(2)
    }
    #expect(log.done == ["b", "a"])
    #expect(log.cancelled == [])
  }

  @Test("work that waits is cancelled, begun by itself or after other work, and no other is", arguments: [nil, "x"])
  func cancelling(kind: String?) async throws {
    let log = try await trial { trial in
      let work = ["a", "b", "c"].map { trial.work($0, kind, waits: $0 == "b") }
      work[0].becomeReady()
      work[1].becomeReady()
      trial.tasks.runReady()
      #expect(trial.log.done == ["a"])
      for work in work { work.cancel() }
      work[1].finish()
      work[2].becomeReady()
      trial.tasks.runReady()
      return trial.log.whenDone(3)
    }
    #expect(log.done.sorted() == ["a", "b", "c"])
    #expect(log.cancelled == ["b"])
  }

  @Test("work that was handed on from, and is in hand again elsewhere, can be cancelled there")
  func handedOn() async throws {
    let log = try await trial { trial in
      let (a, b) = (trial.work("a", "x"), trial.work("b", "x", waits: true))
      a.becomeReady()
      b.becomeReady()
      trial.tasks.runReady()
      a.waits = true
      a.becomeReady()
      trial.tasks.runReady()
      #expect(trial.log.done == ["a"])
      b.finish()
      // The run that began with the first `a` is over; the second goes on.
      return trial.log.whenRun(1).flatMap {
        a.cancel()
        a.finish()
        return trial.log.whenDone(3)
      }
    }
    #expect(log.done == ["a", "b", "a"])
    #expect(log.cancelled == ["a"])
  }

  @Test("to cancel work that is done, or not yet begun, cancels nothing", arguments: [nil, "x"])
  func cancellingNothing(kind: String?) async throws {
    let log = try await trial { trial in
      let work = ["a", "b", "c"].map { trial.work($0, kind) }
      work[0].becomeReady()
      work[1].becomeReady()
      trial.tasks.runReady()
      work[1].becomeReady()
      for work in work { work.cancel() }
      work[2].becomeReady()
      trial.tasks.runReady()
      return trial.log.whenDone(4)
    }
    #expect(log.done == ["a", "b", "b", "c"])
    #expect(log.cancelled == [])
  }

  /// Runs a trial on the event loop, and returns what was done when what it returns has come.
  private func trial(
    _ body: @escaping @Sendable (Trial) -> EventLoopFuture<Void>
  ) async throws -> (runs: [[String]], done: [String], cancelled: [String]) {
    try await eventLoop.flatSubmit {
      let trial = Trial(self.eventLoop)
      return body(trial).map {
        trial.tasks.stop()
        return (trial.log.runs, trial.log.done, trial.log.cancelled)
      }
    }.get()
  }
}

/// What a test needs on the event loop.
private final class Trial: @unchecked Sendable {
  // Unchecked: used on the event loop alone.

  let tasks: EventLoopTasks
  let log: Log
  private let eventLoop: any EventLoop
  private var kinds: [String: Kind] = [:]

  final class Kind {}

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    tasks = EventLoopTasks(eventLoop)
    log = Log(eventLoop)
  }

  func work(_ name: String, _ kind: String?, waits: Bool = false) -> Work {
    let work = Work(name, self, kind.map(self.kind), eventLoop)
    work.waits = waits
    return work
  }

  private func kind(_ name: String) -> Kind {
    if let kind = kinds[name] { return kind }
    let kind = Kind()
    kinds[name] = kind
    return kind
  }
}

/// What was done, in order.
private final class Log: @unchecked Sendable {
  // Unchecked: used on the event loop alone.

  private let eventLoop: any EventLoop
  private var waiting: [(isOver: @Sendable () -> Bool, promise: EventLoopPromise<Void>)] = []

  var runs: [[String]] = [] {
    didSet { tell() }
  }
  var done: [String] = [] {
    didSet { tell() }
  }
  var cancelled: [String] = []

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func whenDone(_ count: Int) -> EventLoopFuture<Void> { when { self.done.count >= count } }
  func whenRun(_ count: Int) -> EventLoopFuture<Void> { when { self.runs.count >= count } }

  private func when(_ isOver: @escaping @Sendable () -> Bool) -> EventLoopFuture<Void> {
    let promise = eventLoop.makePromise(of: Void.self)
    waiting.append((isOver, promise))
    tell()
    return promise.futureResult
  }

  private func tell() {
    let over = waiting.filter { $0.isOver() }
    waiting.removeAll { $0.isOver() }
    for (_, promise) in over { eventLoop.execute { promise.succeed() } }
  }
}

private final class Work: EventLoopWork, @unchecked Sendable {
  // Unchecked: used on the event loop alone.

  let name: String
  /// Whether a run waits for `finish()`.
  var waits = false
  private let trial: Trial
  private let eventLoop: any EventLoop
  private var gate: UnsafeContinuation<Void, Never>?
  private let kind: Trial.Kind?

  init(_ name: String, _ trial: Trial, _ kind: Trial.Kind?, _ eventLoop: any EventLoop) {
    self.name = name
    self.trial = trial
    self.kind = kind
    self.eventLoop = eventLoop
    super.init(trial.tasks, kind: kind.map(ObjectIdentifier.init))
  }

  func finish() {
    gate?.resume()
    gate = nil
  }

  override func run() async {
    var names: [String] = []
    var next: Work? = self
    while let work = next.take() {
      if work.waits { await withUnsafeContinuation { work.gate = $0 } }
      eventLoop.preconditionInEventLoop()
      names.append(work.name)
      trial.log.done.append(work.name)
      if Task.isCancelled { trial.log.cancelled.append(work.name) }
      next = work.handOn() as? Work
    }
    trial.log.runs.append(names)
  }
}
