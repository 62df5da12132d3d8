// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Synchronization

/// A callout whose hooks a test gives.
final class Hooked: CalloutServer, @unchecked Sendable {
  typealias Headers = @Sendable (HTTPHeaders, CalloutContext) async throws -> HeadersReply
  typealias Body = @Sendable (HTTPBody, CalloutContext) async throws -> BodyReply

  private var settings = Configuration()
  private var headers: Headers = { _, _ in .continue }
  private var body: Body = { _, _ in .continue }

  /// How streams ended, in order.
  let endings = Events<StreamEnding>()

  convenience init(
    executor: HookExecutor = .eventLoop, policy: FailurePolicy = .failStream,
    body: @escaping Body = { _, _ in .continue }, headers: @escaping Headers = { _, _ in .continue }
  ) {
    self.init()
    settings.hookExecutor = executor
    settings.failurePolicy = PerPhase(policy)
    self.headers = headers
    self.body = body
  }

  override var configuration: Configuration { settings }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try await self.headers(headers, context)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try await self.headers(headers, context)
  }

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    try await self.body(body, context)
  }

  override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) { endings.send(ending) }
}

/// What happened, for one test to wait for.
final class Events<Element: Sendable>: Sendable {
  private let stream: AsyncStream<Element>
  private let continuation: AsyncStream<Element>.Continuation
  private let sent = Atomic(0)

  init() { (stream, continuation) = AsyncStream.makeStream() }

  /// How many there were.
  var count: Int { sent.load(ordering: .sequentiallyConsistent) }

  func send(_ element: Element) {
    sent.add(1, ordering: .sequentiallyConsistent)
    continuation.yield(element)
  }

  /// The next one, once it is there; throws when the wait is cancelled.
  func next() async throws -> Element {
    for await element in stream { return element }
    throw CancellationError()
  }
}

/// Holds hooks until a test opens it.
final class Gate: Sendable {
  private let state = Mutex(State())

  private struct State {
    var isOpen = false
    var nextID = 0
    var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Waits for the opening; throws CancellationError when the task is cancelled before that.
  func wait() async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isOpen = state.withLock { state in
          if !state.isOpen { state.waiting[id] = continuation }
          return state.isOpen
        }
        if isOpen { continuation.resume() }
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
  }

  private func cancel(_ id: Int) {
    state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(throwing: CancellationError())
  }
}
