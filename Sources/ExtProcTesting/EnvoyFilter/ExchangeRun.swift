// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI

/// The I/O of an exchange: tells an `EnvoyFilterState` what happens, and does what it says.
struct ExchangeRun {
  let filter: EnvoyFilter
  let chunkSize: Int
  let upstream: EnvoyFilter.Upstream
  let open: @Sendable (Metadata) async throws -> any ProcessingStream

  private typealias Events = AsyncThrowingStream<EnvoyFilterState.Event, any Error>

  func exchange(_ request: HTTPRequest) async throws -> EnvoyExchange {
    let (events, happened) = Events.makeStream()
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      defer { tasks.cancelAll() }
      let sidestream = Sidestream(metadata: filter.initialMetadata, open: open) { happened.yield($0) }
      tasks.addTask { await sidestream.run() }
      var state = EnvoyFilterState(filter, chunkSize: chunkSize, now: .now)
      state.begin(request)
      var alarm: ContinuousClock.Instant?
      var iterator = events.makeAsyncIterator()
      while true {
        perform(&state.effects, sidestream, happened, &tasks)
        if state.isOver { return try outcome(of: state) }
        if let deadline = state.deadline, deadline != alarm {
          alarm = deadline
          tasks.addTask {
            try? await Task.sleep(until: deadline)
            happened.yield(.alarm)
          }
        }
        guard let event = try await iterator.next() else { throw CancellationError() }
        state.handle(event, at: .now)
      }
    }
  }

  private func perform(
    _ effects: inout [EnvoyFilterState.Effect], _ sidestream: Sidestream, _ happened: Events.Continuation,
    _ tasks: inout ThrowingTaskGroup<Void, any Error>
  ) {
    for effect in effects {
      switch effect {
      case .send(let message): sidestream.send(message)
      case .closeStream: filter.observabilityMode ? sidestream.halfClose() : sidestream.reset()
      case .askUpstream(let request):
        tasks.addTask { [upstream] in
          do {
            happened.yield(.upstreamAnswered(try await upstream(request)))
          } catch {
            happened.finish(throwing: error)
          }
        }
      }
    }
    effects = []
  }

  private func outcome(of state: EnvoyFilterState) throws -> EnvoyExchange {
    if let failure = state.failure { throw failure }
    return state.exchange
  }
}
