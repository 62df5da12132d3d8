// SPDX-License-Identifier: Apache-2.0
package import CalloutGRPC
package import CalloutTransport
package import Callouts
internal import Logging
package import NIOCore

/// One ext_proc stream: takes the proxy's messages one at a time to the callout and its answers back.
///
/// Confined to the event loop of its connection.
package final class ProcessCall: EventLoopWork, ServerCallHandler, @unchecked Sendable {
  // Unchecked: touched on the event loop only; what runs elsewhere is the hook, which gets the context alone while
  // the call is paused.

  let call: any CallTransport
  let service: ProcessService
  package let context: CalloutContext
  // Exclusive access is not checked at run time for what every message touches, as in HTTP2Session.
  @exclusivity(unchecked) var state: ProcessingState
  /// The request whose hook is to be asked next.
  @exclusivity(unchecked) private var inHand: ProcessingRequest?
  /// What the hook is about that is at work, or about to be.
  @exclusivity(unchecked) private(set) var phaseInHand: Phase?
  /// The request whose turn comes next, because it made an earlier one whole.
  @exclusivity(unchecked) var next: ProcessingRequest?
  /// The task of a hook that does not run in one of `EventLoopTasks`.
  @exclusivity(unchecked) private var elsewhere: Task<Void, Never>?
  /// The client was answered: the proxy wants no more of this stream, and hooks are not asked about what crossed it.
  @exclusivity(unchecked) var isAnsweredForGood = false
  @exclusivity(unchecked) private var hasReceivedEnd = false
  /// What ended the stream from our side.
  @exclusivity(unchecked) package private(set) var failure: (any Error)?
  @exclusivity(unchecked) private var isShuttingDown = false
  @exclusivity(unchecked) private(set) var ending: CallEnding?
  @exclusivity(unchecked) private var wasInterrupted = false
  /// What few streams need.
  @exclusivity(unchecked) var timing: HookTiming?
  @exclusivity(unchecked) var bodies: BodyHandlers?
  /// Who tests hooks is told of what else nobody needs to know.
  @exclusivity(unchecked) package var observer: (any StreamObserver)?

  package init(_ call: any CallTransport, _ service: ProcessService) {
    self.call = call
    self.service = service
    state = ProcessingState(service.filter)
    context = CalloutContext(streamID: call.id, peer: call.peer, logger: service.logger)
    super.init(call.tasks, kind: ObjectIdentifier(service))
    context.setStream(self)
    if service.configuration.softDeadline != nil || service.metrics != nil { timing = HookTiming() }
    service.metrics?.streamBegan()
  }

  // MARK: From the call

  package func receive(_ message: consuming ByteBuffer) {
    do {
      let request = try ProcessingRequest(serialized: message)
      try state.receive(request)
      context.receive(request)
      if state.hasFlowControlWork { sendFlowControl() }
      // A message that asks about nothing carries settings only and must not be answered.
      guard let phase = request.phase, !isAnsweredForGood else { return }
      service.metrics?.received(phase)
      if service.handlesBodies { try handle(request, phase) } else { begin(consume request) }
    } catch {
      end(GRPCStatus(.invalidArgument, "\(error)"), because: error)
    }
  }

  package func receiveEnd() {
    hasReceivedEnd = true
    bodies?.endInput()
    finishIfDone()
  }

  package func shutDown() {
    isShuttingDown = true
    // Envoy goes on without us after an OK, but not when we hold part of a body it cannot do without.
    let isMidBody = state.isMidDuplexBody || bodies?.holdsBody == true
    let status = GRPCStatus(.unavailable, "the server is shutting down in the middle of a body")
    call.finish(isMidBody ? status : .ok)
  }

  package func callEnded(_ ending: CallEnding) {
    self.ending = ending
    wasInterrupted = isBusy
    bodies?.cancel()
    if isBusy { cancelHook() } else { hooksHaveEnded() }
  }

  /// A hook for one message is at work.
  var isRunning: Bool { phaseInHand != nil }

  /// A hook is at work.
  package var isBusy: Bool { isRunning || bodies?.hasStreams == true }

  /// Hooks have nothing to do until the proxy sends something.
  package var isQuiet: Bool { !isRunning && bodies?.isQuiet != false }

  // MARK: Hooks

  /// Asks the callout about a request, while further ones wait.
  func begin(_ request: consuming ProcessingRequest) {
    phaseInHand = request.phase
    if let timing { startTiming(request, timing) }
    inHand = consume request
    call.pause()
    if service.runsOnEventLoop {
      becomeReady()
    } else {
      elsewhere = Task(executorPreference: globalConcurrentExecutor) { await self.runElsewhere() }
    }
  }

  /// Answers the request in hand, on the event loop, and then those of other streams that are ready.
  package override func run() async {
    let service = service
    let server = service.server
    var next: ProcessCall? = self
    while let call = next.take() {
      if let request = call.takeRequest() {
        do {
          let response: ProcessingResponse =
            switch request.phase {
            // What `process` would do: each `await` costs a look at the task's executor, under a lock.
            case .requestHeaders where !service.overridesProcess:
              .requestHeaders(try await server.onRequestHeaders(request.headers(), context: call.context))
            case .responseHeaders where !service.overridesProcess:
              .responseHeaders(try await server.onResponseHeaders(request.headers(), context: call.context))
            default: try await server.process(request, context: call.context)
            }
          call.answer(request, with: response)
        } catch {
          call.failed(request, error)
        }
      }
      next = call.handOn().map { unsafeDowncast($0, to: ProcessCall.self) }
    }
  }

  @inline(never)
  private func takeRequest() -> ProcessingRequest? {
    guard let request = inHand.take() else { return nil }
    // The stream may have ended before its turn came.
    guard ending == nil else {
      streamEndedMeanwhile()
      return nil
    }
    return request
  }

  /// The same with the hook on the shared thread pool.
  private func runElsewhere() async {
    guard let request = inHand.take() else { return }
    let result: Result<ProcessingResponse, any Error>
    do {
      result = .success(try await service.server.process(request, context: context))
    } catch {
      result = .failure(error)
    }
    call.eventLoop.execute {
      switch result {
      case .success(let response): self.answer(request, with: response)
      case .failure(let error): self.failed(request, error)
      }
    }
  }

  // In every part of `run` it would be too much code.
  @inline(never)
  private func answer(_ request: ProcessingRequest, with response: consuming ProcessingResponse) {
    if let streamed = response.streamed, !request.observabilityMode, ending == nil, !stopClock() {
      startWriting(streamed, response, answering: request)
    } else if hookEnded() {
      do throws(CalloutError) {
        try send(response, to: request)
      } catch {
        fail(request, error)
      }
      takeNext()
    }
  }

  @inline(never)
  private func failed(_ request: ProcessingRequest, _ error: any Error) {
    guard hookEnded() else { return }
    fail(request, error)
    takeNext()
  }

  private func startWriting(
    _ streamed: StreamedImmediateResponse, _ response: ProcessingResponse, answering request: ProcessingRequest
  ) {
    elsewhere = Task.immediate(executorPreference: call.tasks) {
      await self.write(streamed, response, answering: request)
    }
  }

  /// Writes an answer that has no end yet.
  private func write(
    _ streamed: StreamedImmediateResponse, _ response: ProcessingResponse, answering request: ProcessingRequest
  ) async {
    do throws(CalloutError) {
      try send(response, to: request)
    } catch {
      return failed(request, error)
    }
    do {
      try await streamed.send(to: self)
    } catch {
      // Part of it has gone: nothing else can be answered.
      if ending == nil { end(GRPCStatus(callout: error), because: error) }
    }
    if hookEnded() { takeNext() }
    runReady()
  }

  /// Takes note that a hook has ended; false where its answer is of no use any more.
  private func hookEnded() -> Bool {
    elsewhere = nil
    let isAnswered = stopClock()
    phaseInHand = nil
    guard ending == nil else {
      streamEndedMeanwhile()
      return false
    }
    if isAnswered { takeNext() }
    return !isAnswered
  }

  private func streamEndedMeanwhile() {
    phaseInHand = nil
    if !isBusy { hooksHaveEnded() }
  }

  /// The stream is over and no hook is at work any more.
  func hooksHaveEnded() {
    streamEnded()
    // The stream gives back its place among the connection's.
    call.resume()
  }

  /// Goes on after the hook for one message.
  private func takeNext() {
    call.markAnswered()
    if let next = next.take(), !isAnsweredForGood, failure == nil { return begin(next) }
    finishIfDone()
    resume()
    observer?.hooksAreQuiet()
  }

  /// Takes further messages, unless pieces of a body wait to be read.
  func resume() {
    guard bodies?.isFull != true else { return }
    bodies?.isHeldBack = false
    call.resume()
  }

  /// Has hooks begun that became ready outside of the connection's turn and of `EventLoopTasks`.
  func runReady() {
    let tasks = call.tasks
    call.eventLoop.execute { tasks.runReady() }
  }

  func send(_ response: consuming ProcessingResponse, to request: ProcessingRequest) throws(CalloutError) {
    guard !request.observabilityMode else { return }
    let endsExchange = response.endsExchange
    try state.answer(request, with: response) { call.send($0) }
    if endsExchange { isAnsweredForGood = true }
    if state.hasFlowControl { returnCredit(for: request) }
    if !state.warnings.isEmpty { logWarnings() }
  }

  func logWarnings() {
    service.warn(state.warnings)
    state.warnings = []
  }

  func cancelHook() {
    cancel()
    elsewhere?.cancel()
  }

  // MARK: Flow control

  func sendFlowControl() {
    state.sendFlowControl { call.send($0) }
    bodies?.roomMayHaveCome()
  }

  private func returnCredit(for request: ProcessingRequest) {
    if let phase = request.phase, phase.isBody, !request.isCollected, let body = try? request.body() {
      state.consumed(body.bytes.readableBytes, phase.direction)
    }
    if state.hasFlowControlWork { sendFlowControl() }
  }

  // MARK: End

  /// The proxy sends no more and nothing is left to answer.
  func finishIfDone() {
    if hasReceivedEnd, !isBusy { call.finish(.ok) }
  }

  func end(_ status: GRPCStatus, because error: any Error) {
    failure = failure ?? error
    call.finish(status)
  }

  private func streamEnded() {
    let ending = streamEnding
    service.server.onStreamEnd(ending, context: context)
    context.setStream(nil)
    observer?.streamEnded(ending)
  }

  private var streamEnding: StreamEnding {
    if let failure { return .failed(failure) }
    if isShuttingDown { return .shutDown }
    switch ending {
    case .finished(let status) where status.code == .deadlineExceeded: return .deadlineExceeded
    case .finished(let status) where status != .ok: return .failed(status)
    case .finished, nil: return .completed
    case .reset: return call.isAnswered && !wasInterrupted ? .completed : .cancelled
    }
  }
}
