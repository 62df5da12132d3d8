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
    let runs = try await eventLoop.submit {
      let tasks = EventLoopTasks(self.eventLoop)
      let log = Log()
      for (name, kind) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x"), ("e", nil), ("f", nil)] {
        Work(name, tasks, kind.map(log.kind), log).becomeReady()
      }
      tasks.runReady()
      tasks.stop()
      return log.runs
    }.get()
    #expect(runs == [["a", "b"], ["c"], ["d"], ["e"], ["f"]])
  }

  @Test("work that waits leaves what is ready to others, and is done on the event loop")
  func waiting() async throws {
    let gate = eventLoop.makePromise(of: Void.self)
    let log = try await eventLoop.submit {
      let tasks = EventLoopTasks(self.eventLoop)
      let log = Log()
      let kind = log.kind("x")
      Work("a", tasks, kind, log, waitingFor: gate.futureResult).becomeReady()
      Work("b", tasks, kind, log).becomeReady()
      tasks.runReady()
      #expect(log.done == ["b"])
      gate.succeed()
      return NIOLoopBound(log, eventLoop: self.eventLoop)
    }.get()
    let done = try await eventLoop.submit { log.value.whenDone(2, self.eventLoop) }.get().get()
    #expect(done == ["b", "a"])
  }

  @Test("to cancel work that is done, or not yet begun, cancels no other", arguments: [nil, "x"])
  func cancelling(kind: String?) async throws {
    let cancelled = try await eventLoop.submit {
      let tasks = EventLoopTasks(self.eventLoop)
      let log = Log()
      let work = ["a", "b", "c"].map { Work($0, tasks, kind.map(log.kind), log) }
      work[0].becomeReady()
      work[1].becomeReady()
      tasks.runReady()
      work[1].becomeReady()
      for work in work { work.cancel() }
      work[2].becomeReady()
      tasks.runReady()
      tasks.stop()
      #expect(log.done == ["a", "b", "b", "c"])
      return log.cancelled
    }.get()
    #expect(cancelled == [])
  }
}

/// What was done, in order; used on the event loop alone.
private final class Log {
  var runs: [[String]] = []
  var cancelled: [String] = []
  private var kinds: [String: Kind] = [:]
  private var waiting: (count: Int, promise: EventLoopPromise<[String]>)?

  final class Kind {}

  var done: [String] = [] {
    didSet { if let waiting, done.count == waiting.count { waiting.promise.succeed(done) } }
  }

  func kind(_ name: String) -> Kind {
    if let kind = kinds[name] { return kind }
    let kind = Kind()
    kinds[name] = kind
    return kind
  }

  func whenDone(_ count: Int, _ eventLoop: any EventLoop) -> EventLoopFuture<[String]> {
    let promise = eventLoop.makePromise(of: [String].self)
    waiting = (count, promise)
    if done.count == count { promise.succeed(done) }
    return promise.futureResult
  }
}

private final class Work: EventLoopWork, @unchecked Sendable {
  // Unchecked: used on the event loop alone.

  private let name: String
  private let log: Log
  private let gate: EventLoopFuture<Void>?

  init(
    _ name: String, _ tasks: EventLoopTasks, _ kind: Log.Kind?, _ log: Log,
    waitingFor gate: EventLoopFuture<Void>? = nil
  ) {
    self.name = name
    self.log = log
    self.gate = gate
    super.init(tasks, kind: kind.map(ObjectIdentifier.init))
  }

  override func run() async {
    var names: [String] = []
    var next: Work? = self
    while let work = next.take() {
      try? await work.gate?.get()
      names.append(work.name)
      log.done.append(work.name)
      if Task.isCancelled { log.cancelled.append(work.name) }
      next = work.next() as? Work
    }
    log.runs.append(names)
  }
}
