// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import CalloutTransport
import NIOCore
import NIOPosix
import UnixSignals

/// Makes the connections, watches them and adds up what they counted.
struct LoadRunner {
  private let target: ListenAddress
  private let load: Load
  private let connections: Int
  private let threads: Int

  init(_ target: ListenAddress, _ load: Load, connections: Int, threads: Int? = nil) {
    self.target = target
    self.load = load
    self.connections = connections
    self.threads = threads ?? min(connections, System.coreCount)
  }

  /// Runs the load for a time, or until its exchanges are made, and reports what was counted after the warm-up.
  ///
  /// Throws a `LoadError` where the connections cannot be made at first; later losses are counted.
  func run(
    for duration: Duration, warmup: Duration = .zero, progress: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> Report {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    do {
      let report = try await run(on: group, for: duration, warmup: load.exchanges == nil ? warmup : .zero, progress)
      try await group.shutdownGracefully()
      return report
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
  }

  private func run(
    on group: MultiThreadedEventLoopGroup, for duration: Duration, warmup: Duration,
    _ progress: @escaping @Sendable (String) -> Void
  ) async throws -> Report {
    let all = try await connect(on: group)
    for connection in all { connection.eventLoop.execute { connection.value.begin() } }
    var start = ContinuousClock.now
    if warmup > .zero {
      try await Task.sleep(for: warmup)
      for connection in all {
        try await connection.eventLoop.submit { connection.value.tally = Tally() }.get()
      }
      start = .now
    }
    let begin = start
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await self.untilDone(all, duration) }
      tasks.addTask { for await _ in await UnixSignalsSequence(trapping: .sigint) { return } }
      tasks.addTask { await Self.watch(all, since: begin, progress) }
      await tasks.next()
      tasks.cancelAll()
    }
    let tally = try await Self.tally(of: all)
    let elapsed = ContinuousClock.now - start
    try await Self.stop(all)
    return Report(seconds: elapsed / .seconds(1), connections: connections, streams: load.streams, tally: tally)
  }

  private func connect(on group: MultiThreadedEventLoopGroup) async throws -> [NIOLoopBound<LoadConnection>] {
    let tls = try load.tls.map {
      try TLSContext(trustRoots: $0.trustRoots, protocols: ["h2"], verifiesServer: $0.verifiesServer)
    }
    let budget = Budget(load.exchanges)
    var all: [NIOLoopBound<LoadConnection>] = []
    for _ in 0..<connections {
      let eventLoop = group.next()
      let connection = try await eventLoop.submit { [target, load] in
        NIOLoopBound(LoadConnection(target, load, budget, tls, on: eventLoop), eventLoop: eventLoop)
      }.get()
      all.append(connection)
      do {
        try await eventLoop.flatSubmit { connection.value.connect() }.get()
      } catch {
        try await Self.stop(all)
        throw LoadError("cannot connect to \(target): \(LoadError.reason(of: error))")
      }
    }
    return all
  }

  private func untilDone(_ all: [NIOLoopBound<LoadConnection>], _ duration: Duration) async {
    guard load.exchanges != nil else {
      try? await Task.sleep(for: duration)
      return
    }
    await withTaskCancellationHandler {
      for connection in all {
        try? await connection.eventLoop.flatSubmit { connection.value.whenFinished }.get()
      }
    } onCancel: {
      for connection in all { connection.eventLoop.execute { connection.value.stop() } }
    }
  }

  private static func watch(
    _ all: [NIOLoopBound<LoadConnection>], since start: ContinuousClock.Instant,
    _ progress: @escaping @Sendable (String) -> Void
  ) async {
    var messages = 0
    for second in 1... {
      guard (try? await Task.sleep(until: start + .seconds(second))) != nil, let tally = try? await tally(of: all)
      else {
        return
      }
      let errors = tally.errors.values.reduce(0, +)
      progress(
        "\(second) s  \(tally.messages - messages) messages/s  "
          + "p50 \(Report.microseconds(tally.latency.percentile(0.5)))  "
          + "p99 \(Report.microseconds(tally.latency.percentile(0.99)))  \(errors) errors")
      messages = tally.messages
    }
  }

  private static func stop(_ all: [NIOLoopBound<LoadConnection>]) async throws {
    for connection in all { connection.eventLoop.execute { connection.value.stop() } }
    for connection in all {
      try await connection.eventLoop.flatSubmit { connection.value.whenFinished }.get()
    }
  }

  private static func tally(of all: [NIOLoopBound<LoadConnection>]) async throws -> Tally {
    var sum = Tally()
    for connection in all { sum.add(try await connection.eventLoop.submit { connection.value.tally }.get()) }
    return sum
  }
}
