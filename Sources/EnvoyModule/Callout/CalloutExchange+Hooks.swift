// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import NIOCore
internal import SwiftProtobuf

/// What a hook of the callout is at work on.
final class HookCall: StreamWork, @unchecked Sendable {
  // Unchecked: used on the stream's worker alone.

  let phase: Phase
  let part: MessagePart
  @exclusivity(unchecked) var request: ProcessingRequest
  /// Ends when the hook takes too long.
  var deadlines: HookDeadlines?
  /// The hook was late, and its message has been answered without it.
  var isSettled = false
  /// Envoy has the bytes of the body; otherwise they are here alone.
  var isInEnvoy: Bool
  // Kept by the task that does the work.
  private unowned(unsafe) let exchange: CalloutExchange

  init(
    _ exchange: CalloutExchange, _ request: consuming ProcessingRequest, _ phase: Phase, _ part: MessagePart,
    isInEnvoy: Bool
  ) {
    self.exchange = exchange
    self.request = request
    self.phase = phase
    self.part = part
    self.isInEnvoy = isInEnvoy
  }

  override func run() async {
    let filter = exchange.filter
    do {
      let response: ProcessingResponse =
        switch phase {
        case _ where !filter.runsOnWorker: try await exchange.processElsewhere(request)
        // What `process` would do: each `await` costs a look at the task's executor, under a lock.
        case .requestHeaders where !filter.overridesProcess:
          .requestHeaders(try await filter.callout.onRequestHeaders(request.headers(), context: exchange.context))
        case .responseHeaders where !filter.overridesProcess:
          .responseHeaders(try await filter.callout.onResponseHeaders(request.headers(), context: exchange.context))
        default: try await filter.callout.process(request, context: exchange.context)
        }
      if exchange.isToFinish(self) { exchange.finish(self, response) }
    } catch {
      if exchange.isToFinish(self) { exchange.fail(self, error) }
    }
    exchange.hookEnded()
  }
}

extension CalloutExchange {
  /// Has the callout's hook asked about a part of the exchange.
  func ask(_ part: MessagePart, _ direction: Direction) {
    guard let hookCall = makeHookCall(part, direction) else { return }
    self.hookCall = hookCall
    start(hookCall)
    guard hookCall === self.hookCall else { return }
    // It waits, and Envoy goes on.
    hookCall.request.copyHeaders()
    if hookCall.deadlines == nil { startClock(hookCall) }
  }

  /// The callout's answer from the shared thread pool, where its configuration wants the hooks to run.
  fileprivate func processElsewhere(_ request: ProcessingRequest) async throws -> ProcessingResponse {
    request.copyHeaders()
    metadata = envoy.metadata
    nonisolated(unsafe) let context = context
    return try await withTaskExecutorPreference(globalConcurrentExecutor) {
      try await filter.callout.process(request, context: context)
    }
  }

  /// A hook has ended; whether what it says still counts.
  fileprivate func isToFinish(_ hookCall: HookCall) -> Bool {
    hookCall.deadlines?.stop()
    self.hookCall = nil
    guard isOpen else {
      hookEndedLate()
      return false
    }
    hookCall.request.giveUpHeaders()
    return !hookCall.isSettled
  }

  fileprivate func finish(_ hookCall: HookCall, _ response: consuming ProcessingResponse) {
    do throws(CalloutError) { try apply(response, hookCall) } catch { fail(hookCall, error) }
  }

  private func makeHookCall(_ part: MessagePart, _ direction: Direction) -> HookCall? {
    let phase = part.phase(direction)
    switch part {
    case .headers:
      let attributes =
        direction == .request ? filter.requestAttributes.values(envoy) : filter.responseAttributes.values(envoy)
      let endOfStream = self[direction].isWithoutBody
      let headers = headers(HeaderKind(headersOf: direction), endOfStream: endOfStream)
      let request = ProcessingRequest(phase, headers, attributes: attributes)
      if attributes != nil { context.receive(request) }
      return HookCall(self, request, phase, part, isInEnvoy: true)
    case .trailers:
      let trailers = headers(HeaderKind(trailersOf: direction), endOfStream: false)
      return HookCall(self, ProcessingRequest(phase, trailers, attributes: nil), phase, part, isInEnvoy: true)
    case .body:
      guard let (request, isInEnvoy) = bodyRequest(direction, phase) else { return nil }
      return HookCall(self, request, phase, part, isInEnvoy: isInEnvoy)
    }
  }

  func headers(_ kind: HeaderKind, endOfStream: Bool) -> LazyHeaders {
    LazyHeaders(EnvoyHeaders(envoy: envoy, kind: kind), endOfStream: endOfStream)
  }
}
