// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import NIOCore
internal import SwiftProtobuf

/// What a hook of the callout is at work on.
final class Asked: StreamWork, @unchecked Sendable {
  // Unchecked: used on the stream's worker alone.

  let phase: Phase
  let part: Course.Part
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
    _ exchange: CalloutExchange, _ request: consuming ProcessingRequest, _ phase: Phase, _ part: Course.Part,
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
      let response =
        filter.runsOnWorker
        ? try await filter.callout.process(request, context: exchange.context)
        : try await exchange.processElsewhere(request)
      if exchange.isToFinish(self) { exchange.finish(self, response) }
    } catch {
      if exchange.isToFinish(self) { exchange.fail(self, error) }
    }
    exchange.hookEnded()
  }
}

extension CalloutExchange {
  /// Has the callout's hook asked about a part of the exchange.
  func ask(_ part: Course.Part, _ direction: Direction) {
    guard let asked = makeAsked(part, direction) else { return }
    self.asked = asked
    start(asked)
    guard asked === self.asked else { return }
    // It waits, and Envoy goes on.
    asked.request.copyHeaders()
    if asked.deadlines == nil { startClock(asked) }
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
  fileprivate func isToFinish(_ asked: Asked) -> Bool {
    asked.deadlines?.stop()
    self.asked = nil
    guard isOpen else {
      hookEndedLate()
      return false
    }
    asked.request.giveUpHeaders()
    return !asked.isSettled
  }

  fileprivate func finish(_ asked: Asked, _ response: consuming ProcessingResponse) {
    do throws(CalloutError) { try apply(response, asked) } catch { fail(asked, error) }
  }

  private func makeAsked(_ part: Course.Part, _ direction: Direction) -> Asked? {
    let phase = part.phase(direction)
    switch part {
    case .headers:
      let attributes =
        direction == .request ? filter.requestAttributes.values(envoy) : filter.responseAttributes.values(envoy)
      let endOfStream = self[direction].isWithoutBody
      let headers = headers(HeaderKind(headersOf: direction), endOfStream: endOfStream)
      let request = ProcessingRequest(phase, headers, attributes: attributes)
      if attributes != nil { context.receive(request) }
      return Asked(self, request, phase, part, isInEnvoy: true)
    case .trailers:
      let trailers = headers(HeaderKind(trailersOf: direction), endOfStream: false)
      return Asked(self, ProcessingRequest(phase, trailers, attributes: nil), phase, part, isInEnvoy: true)
    case .body:
      guard let (request, isInEnvoy) = bodyRequest(direction, phase) else { return nil }
      return Asked(self, request, phase, part, isInEnvoy: isInEnvoy)
    }
  }

  func headers(_ kind: HeaderKind, endOfStream: Bool) -> LazyHeaders {
    LazyHeaders(EnvoyHeaders(envoy: envoy, kind: kind), endOfStream: endOfStream)
  }
}
