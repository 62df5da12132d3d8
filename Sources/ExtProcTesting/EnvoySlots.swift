// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers

/// Lets a few Envoys of this process start at once: each takes a core for that, and all tests' together would keep every
/// other test from its deadlines.
final class EnvoySlots: Sendable {
  static let shared = EnvoySlots(4)

  private let state: NIOLockedValueBox<State>

  private struct State {
    var free: Int
    var nextID = 0
    var waiting: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
  }

  init(_ count: Int) { state = NIOLockedValueBox(State(free: count)) }

  /// Takes a slot; waits for its turn. Throws where the task is cancelled before.
  func take() async throws {
    let id = state.withLockedValue { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let isFree = state.withLockedValue { state in
          guard state.free == 0 else {
            state.free -= 1
            return true
          }
          state.waiting.append((id, continuation))
          return false
        }
        if isFree { continuation.resume() }
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
  }

  /// Gives a slot back.
  func giveBack() {
    let next = state.withLockedValue { state -> CheckedContinuation<Void, any Error>? in
      guard !state.waiting.isEmpty else {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume()
  }

  private func cancel(_ id: Int) {
    let cancelled = state.withLockedValue { state -> CheckedContinuation<Void, any Error>? in
      guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
      return state.waiting.remove(at: index).continuation
    }
    cancelled?.resume(throwing: CancellationError())
  }
}
