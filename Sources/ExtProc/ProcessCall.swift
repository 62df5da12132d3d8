// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import Callouts
internal import Logging
internal import NIOCore

/// What all streams of a callout share.
final class ProcessService: Sendable {
  let server: CalloutServer
  let configuration: CalloutServer.Configuration
  let logger: Logger

  init(_ server: CalloutServer, logger: Logger) {
    self.server = server
    configuration = server.configuration
    self.logger = logger
  }
}

/// One ext_proc stream: takes the proxy's messages one at a time to the callout and its answers back.
///
/// Confined to the event loop of its connection.
final class ProcessCall: EventLoopWork, ServerCallHandler, @unchecked Sendable {
  // Unchecked: touched on the event loop only; what runs elsewhere is the hook, which gets the context alone while
  // the call is paused.

  private let call: ServerCall
  private let service: ProcessService
  private let context: CalloutContext
  // Exclusive access is not checked at run time for what every message touches, as in HTTP2Session.
  @exclusivity(unchecked) private var state = ProcessingState()
  @exclusivity(unchecked) private var current: ProcessingRequest?
  /// The task of a hook that runs on the shared thread pool.
  @exclusivity(unchecked) private var elsewhere: Task<Void, Never>?
  @exclusivity(unchecked) private var isRunning = false
  @exclusivity(unchecked) private var hasReceivedEnd = false
  @exclusivity(unchecked) private var failure: (any Error)?
  private var isShuttingDown = false
  @exclusivity(unchecked) private var ending: CallEnding?
  private var wasInterrupted = false

  init(call: ServerCall, service: ProcessService) {
    self.call = call
    self.service = service
    context = CalloutContext(
      streamID: call.id, peer: call.connection.peer, logger: service.logger,
      callMetadata: { [headers = call.headers] in
        Metadata(headers).compactMap { entry in
          if case .string(let value) = entry.value { (entry.name, value) } else { nil }
        }
      })
  }

  // MARK: From the call

  func receive(_ message: ByteBuffer) {
    do {
      let request = try ProcessingRequest(serialized: message)
      try state.receive(request)
      context.receive(request)
      // A message that asks about nothing carries settings only and must not be answered.
      if request.phase != nil { begin(request) }
    } catch {
      end(GRPCStatus(.invalidArgument, error.message), because: error)
    }
  }

  func receiveEnd() {
    hasReceivedEnd = true
    if !isRunning { call.finish(.ok) }
  }

  func shutDown() {
    isShuttingDown = true
    // Envoy goes on without us after an OK, but not when we hold part of a body it cannot do without.
    let status = GRPCStatus(.unavailable, "the server is shutting down in the middle of a body")
    call.finish(state.isMidDuplexBody ? status : .ok)
  }

  func callEnded(_ ending: CallEnding) {
    self.ending = ending
    wasInterrupted = isRunning
    guard isRunning else { return streamEnded() }
    task?.cancel()
    elsewhere?.cancel()
  }

  // MARK: Hooks

  private func begin(_ request: ProcessingRequest) {
    isRunning = true
    current = request
    call.pause()
    switch service.configuration.hookExecutor {
    case .eventLoop: call.connection.tasks.add(self)
    case .concurrent: elsewhere = Task(executorPreference: globalConcurrentExecutor) { await self.runElsewhere() }
    }
  }

  /// Answers the request in hand, on the event loop.
  override func run() async {
    guard let request = current.take() else { return }
    // The stream may have ended before its turn came.
    guard ending == nil else { return hookEnded(request) {} }
    do {
      let response = try await service.server.process(request, context: context)
      hookEnded(request) { try send(response, to: request) }
    } catch {
      hookEnded(request) { throw error }
    }
  }

  /// The same with the hook on the shared thread pool.
  private func runElsewhere() async {
    guard let request = current.take() else { return }
    let result: Result<ProcessingResponse, any Error>
    do {
      result = .success(try await service.server.process(request, context: context))
    } catch {
      result = .failure(error)
    }
    call.eventLoop.execute { self.hookEnded(request) { try self.send(result.get(), to: request) } }
  }

  private func hookEnded(_ request: ProcessingRequest, _ send: () throws -> Void) {
    isRunning = false
    elsewhere = nil
    if ending == nil {
      do {
        try send()
      } catch {
        fail(request, error)
      }
      call.markAnswered()
      if hasReceivedEnd { call.finish(.ok) }
    } else {
      streamEnded()
    }
    call.resume()
  }

  private func send(_ response: ProcessingResponse, to request: ProcessingRequest) throws(CalloutError) {
    guard !request.observabilityMode else { return }
    try state.answer(request, with: response) { call.send($0) }
  }

  // MARK: Failure and end

  private func fail(_ request: ProcessingRequest, _ error: any Error) {
    let phase = request.phase.map { "\($0)" } ?? "none"
    context.logger.error("callout failed", metadata: ["phase": "\(phase)", "error": "\(error)"])
    do throws(CalloutError) {
      switch service.configuration.failurePolicy {
      case .failStream: end(GRPCStatus(callout: error), because: error)
      case .passThrough: try send(.continue(request.phase!), to: request)
      case .immediate(let response): try send(.immediate(response), to: request)
      }
    } catch {
      end(GRPCStatus(.internal, error.message), because: error)
    }
  }

  private func end(_ status: GRPCStatus, because error: any Error) {
    failure = error
    call.finish(status)
  }

  private func streamEnded() {
    service.server.onStreamEnd(streamEnding, context: context)
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

extension GRPCStatus {
  /// The status that ends a stream whose callout failed: the one it threw, or one that says whose fault it was.
  fileprivate init(callout error: any Error) {
    switch error {
    case let error as CalloutError:
      self.init(error.code == .malformedRequest ? .invalidArgument : .internal, error.message)
    default: self.init(error)
    }
  }
}
