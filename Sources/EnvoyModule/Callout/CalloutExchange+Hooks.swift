// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import NIOCore
internal import SwiftProtobuf

/// What a hook of the callout is at work on.
final class Asked: @unchecked Sendable {
  // Unchecked: used on the stream's worker alone.

  let request: ProcessingRequest
  let phase: Phase
  let part: Course.Part
  var task: Task<Void, Never>?
  /// Ends when the hook takes too long.
  var deadlines: HookDeadlines?
  /// The hook was late, and its message has been answered without it.
  var isSettled = false
  /// Envoy has the bytes of the body; otherwise they are here alone.
  var isInEnvoy: Bool

  init(_ request: ProcessingRequest, _ phase: Phase, _ part: Course.Part, isInEnvoy: Bool) {
    self.request = request
    self.phase = phase
    self.part = part
    self.isInEnvoy = isInEnvoy
  }
}

extension CalloutExchange {
  /// Has the callout's hook asked about a part of the exchange.
  func ask(_ part: Course.Part, _ direction: Direction) {
    let phase = part.phase(direction)
    do throws(CalloutError) {
      guard let (request, isInEnvoy) = try makeRequest(part, direction, phase) else { return }
      let asked = Asked(request, phase, part, isInEnvoy: isInEnvoy)
      self.asked = asked
      context.receive(request)
      asked.task = start { await self.run(asked) }
    } catch {
      // What Envoy has is no message that could be wrong.
      preconditionFailure("\(phase) cannot be asked about: \(error)")
    }
    if let asked, asked.deadlines == nil { startClock(asked) }
  }

  private func run(_ asked: Asked) async {
    let result: Result<ProcessingResponse, any Error>
    do {
      result = .success(try await answer(asked.request))
    } catch {
      result = .failure(error)
    }
    guard isOpen else {
      self.asked = nil
      return hookEndedLate()
    }
    finish(asked, result)
    hookEnded()
  }

  /// The callout's answer, from where its configuration wants the hooks to run.
  private func answer(_ request: ProcessingRequest) async throws -> ProcessingResponse {
    let callout = filter.callout
    guard !filter.runsOnWorker else { return try await callout.process(request, context: context) }
    metadata = envoy.metadata
    nonisolated(unsafe) let context = context
    return try await withTaskExecutorPreference(globalConcurrentExecutor) {
      try await callout.process(request, context: context)
    }
  }

  private func finish(_ asked: Asked, _ result: Result<ProcessingResponse, any Error>) {
    asked.deadlines?.stop()
    self.asked = nil
    guard !asked.isSettled else { return }
    do throws(CalloutError) {
      switch result {
      case .success(let response): try apply(response, asked)
      case .failure(let error): fail(asked, error)
      }
    } catch {
      fail(asked, error)
    }
  }

  private func makeRequest(
    _ part: Course.Part, _ direction: Direction, _ phase: Phase
  ) throws(CalloutError) -> (ProcessingRequest, isInEnvoy: Bool)? {
    switch part {
    case .headers:
      let attributes =
        direction == .request ? filter.requestAttributes.values(envoy) : filter.responseAttributes.values(envoy)
      let endOfStream = self[direction].isWithoutBody
      return (try headerRequest(phase, HeaderKind(headersOf: direction), endOfStream, attributes), true)
    case .trailers: return (try headerRequest(phase, HeaderKind(trailersOf: direction), false, nil), true)
    case .body: return try bodyRequest(direction, phase)
    }
  }

  func headerRequest(
    _ phase: Phase, _ kind: HeaderKind, _ endOfStream: Bool, _ attributes: Google_Protobuf_Struct?
  ) throws(CalloutError) -> ProcessingRequest {
    let result: Result<ProcessingRequest, CalloutError> = envoy.withHeaders(kind) { headers in
      do throws(CalloutError) {
        return .success(try ProcessingRequest(phase, headers, endOfStream: endOfStream, attributes: attributes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
