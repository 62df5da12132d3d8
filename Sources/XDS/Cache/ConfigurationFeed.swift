// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers
package import NIOCore

/// The configuration of the moment for some clients, and who of them has it.
///
/// Publishing never waits for a client: it leaves word with the event loops, and each stream looks at what is published
/// by the time it can send.
public final class ConfigurationFeed: Sendable {
  private let state = NIOLockedValueBox(State())

  fileprivate struct State {
    var snapshot: Snapshot?
    /// How often something was published.
    var generation = 0
    var subscribers: [Int: Subscriber] = [:]
    var waiters: [Int: Waiter] = [:]
    var nextID = 0
  }

  fileprivate struct Subscriber {
    let loop: any EventLoop
    let look: @Sendable () -> Void
    var progress: Progress
  }

  /// How far a stream has come.
  package struct Progress: Sendable {
    package let node: String
    /// The newest generation that the client has answered all of.
    package var generation = -1
    package var refusals: [RefusedResource] = []

    package init(node: String) { self.node = node }
  }

  fileprivate struct Waiter {
    let generation: Int
    var behind: Set<Int>
    let continuation: CheckedContinuation<Void, Never>
  }

  public init() {}

  /// What is published, or nil while nothing is.
  public var snapshot: Snapshot? { state.withLockedValue { $0.snapshot } }

  /// What is published, and the how manieth it is.
  package var current: (snapshot: Snapshot?, generation: Int) {
    state.withLockedValue { ($0.snapshot, $0.generation) }
  }

  // MARK: Publishing

  /// Publishes a configuration; with nil, clients keep what they have until the next.
  @discardableResult
  public func publish(_ snapshot: Snapshot?) -> PublishReport {
    update { $0 = snapshot }
  }

  /// Publishes what `body` makes of the configuration of the moment; two that do this at once do it one after the other.
  @discardableResult
  public func update(_ body: (inout Snapshot?) -> Void) -> PublishReport {
    let (generation, subscribers) = state.withLockedValue { state in
      body(&state.snapshot)
      state.generation += 1
      return (state.generation, Array(state.subscribers.values))
    }
    for group in Dictionary(grouping: subscribers, by: { ObjectIdentifier($0.loop) }).values {
      Self.tell(group[...])
    }
    return PublishReport(feed: self, generation: generation)
  }

  /// Has streams look some at a time, so that other work of their event loop is not held up for long.
  private static func tell(_ subscribers: ArraySlice<Subscriber>) {
    guard let loop = subscribers.first?.loop else { return }
    loop.execute {
      for subscriber in subscribers.prefix(perTurn) { subscriber.look() }
      tell(subscribers.dropFirst(perTurn))
    }
  }

  private static let perTurn = 32

  // MARK: Streams

  /// Has `look` called on `loop` whenever something was published; returns the number to leave by.
  package func subscribe(on loop: any EventLoop, _ progress: Progress, _ look: @escaping @Sendable () -> Void) -> Int {
    state.withLockedValue { state in
      state.nextID += 1
      state.subscribers[state.nextID] = Subscriber(loop: loop, look: look, progress: progress)
      return state.nextID
    }
  }

  package func unsubscribe(_ id: Int) {
    resume(
      state.withLockedValue { state in
        state.subscribers[id] = nil
        return state.caughtUp(id, with: .max)
      })
  }

  /// The client of a stream has answered all of a generation.
  package func settled(_ id: Int, generation: Int, refusals: [RefusedResource]) {
    resume(
      state.withLockedValue { state in
        state.subscribers[id]?.progress.generation = generation
        state.subscribers[id]?.progress.refusals = refusals
        return state.caughtUp(id, with: generation)
      })
  }

  private func resume(_ continuations: [CheckedContinuation<Void, Never>]) {
    for continuation in continuations { continuation.resume() }
  }

  // MARK: Reports

  /// How far each stream is.
  func progress() -> [(id: Int, progress: Progress)] {
    state.withLockedValue { $0.subscribers.map { ($0.key, $0.value.progress) } }
  }

  /// Waits until every stream that is there now has answered a generation, or has gone; or until cancelled.
  func waitUntilSettled(at generation: Int) async {
    let id = state.withLockedValue { state in
      state.nextID += 1
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLockedValue { state in
          let behind = state.subscribers.filter { $0.value.progress.generation < generation }.keys
          guard !behind.isEmpty, !Task.isCancelled else { return true }
          state.waiters[id] = Waiter(generation: generation, behind: Set(behind), continuation: continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLockedValue { $0.waiters.removeValue(forKey: id)?.continuation }?.resume()
    }
  }
}

extension ConfigurationFeed.State {
  /// A stream has come as far as a generation: those who need wait no longer.
  fileprivate mutating func caughtUp(_ id: Int, with generation: Int) -> [CheckedContinuation<Void, Never>] {
    var ready: [CheckedContinuation<Void, Never>] = []
    for (key, waiter) in waiters where waiter.generation <= generation && waiter.behind.contains(id) {
      waiters[key]?.behind.remove(id)
      guard waiter.behind.count == 1 else { continue }
      waiters[key] = nil
      ready.append(waiter.continuation)
    }
    return ready
  }
}
