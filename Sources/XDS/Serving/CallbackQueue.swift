// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore

/// Calls a user's callbacks for a stream one after the other, on its event loop. Confined to that.
final class CallbackQueue {
  typealias Callback = @Sendable (any XDSCallbacks) async throws -> Void

  private let callbacks: any XDSCallbacks
  private let call: ServerCall
  private let failed: (any Error) -> Void
  private let idle: () -> Void
  private var waiting: [(callback: Callback, then: () -> Void)] = []
  private(set) var isBusy = false
  private var isEnding = false

  /// - Parameters:
  ///   - failed: told when a callback throws; no others are called then but the last.
  ///   - idle: told when there is no callback to call.
  init(
    _ callbacks: any XDSCallbacks, _ call: ServerCall, failed: @escaping (any Error) -> Void,
    idle: @escaping () -> Void
  ) {
    self.callbacks = callbacks
    self.call = call
    self.failed = failed
    self.idle = idle
  }

  /// Has a callback called when those before it are done, and then `then`. No further request is read until then.
  func perform(_ callback: @escaping Callback, then: @escaping () -> Void = {}) {
    guard !isEnding else { return }
    waiting.append((callback, then))
    call.pause()
    if !isBusy { start() }
  }

  /// The same for the last callback of all; those that are still waiting are not called.
  func performLast(_ callback: @escaping @Sendable (any XDSCallbacks) async -> Void) {
    guard !isEnding else { return }
    isEnding = true
    waiting = [({ await callback($0) }, {})]
    if !isBusy { start() }
  }

  private func start() {
    guard !waiting.isEmpty else { return }
    let (callback, then) = waiting.removeFirst()
    isBusy = true
    let callbacks = callbacks
    let queue = NIOLoopBound((queue: self, then: then), eventLoop: call.eventLoop)
    Task(executorPreference: call.tasks) {
      let result: Result<Void, any Error>
      do {
        try await callback(callbacks)
        result = .success(())
      } catch {
        result = .failure(error)
      }
      queue.eventLoop.execute { queue.value.queue.finished(result, queue.value.then) }
    }
  }

  private func finished(_ result: Result<Void, any Error>, _ then: () -> Void) {
    isBusy = false
    switch result {
    case .success: if !isEnding { then() }
    case .failure(let error): if !isEnding { failed(error) }
    }
    if !isBusy { start() }
    if !isBusy, !isEnding { idle() }
    if !isBusy { call.resume() }
  }
}
