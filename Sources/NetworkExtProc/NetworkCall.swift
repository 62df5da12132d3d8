// SPDX-License-Identifier: Apache-2.0
package import CalloutGRPC
package import CalloutTransport
internal import Callouts
internal import Logging
package import NIOCore

/// One network ext_proc stream, which is one connection: takes the proxy's messages one at a time to the callout and
/// its answers back.
///
/// Confined to the event loop of the gRPC connection.
package final class NetworkCall: EventLoopWork, ServerCallHandler, @unchecked Sendable {
  // Unchecked: touched on the event loop only; what runs elsewhere is the hook, which gets the context alone while
  // the call is paused.

  package let context: NetworkContext
  /// What ended the connection from our side.
  package private(set) var failure: (any Error)?
  /// Who tests hooks is told of what else nobody needs to know.
  package var observer: (any StreamObserver)?

  private let call: any CallTransport
  private let service: NetworkService
  private var state = NetworkState()
  /// The request whose hook is at work, or about to be.
  private var inHand: NetworkRequest?
  private var hasStarted = false
  private var hasReceivedEnd = false
  private var isShuttingDown = false
  private var ending: CallEnding?
  private var wasInterrupted = false

  package init(_ call: any CallTransport, _ service: NetworkService) {
    self.call = call
    self.service = service
    context = NetworkContext(
      streamID: call.id, peer: call.peer, initialMetadata: call.metadata, logger: service.logger)
    super.init(call.tasks)
    service.metrics?.connectionBegan()
  }

  // MARK: From the call

  package func receive(_ message: consuming ByteBuffer) {
    do {
      let request = try NetworkRequest(serialized: message)
      context.receive(request)
      guard let direction = request.direction, !state.isOver else { return call.markAnswered() }
      service.metrics?.received(request.data.bytes.readableBytes, direction)
      inHand = request
      call.pause()
      becomeReady()
    } catch {
      failure = error
      call.finish(GRPCStatus(.invalidArgument, "\(error)"))
    }
  }

  package func receiveEnd() {
    hasReceivedEnd = true
    finishIfDone()
  }

  package func shutDown() {
    isShuttingDown = true
    // Any other end would have Envoy drop what it is just sending, or pass it on without us.
    state.close(send)
    call.finish(.ok)
  }

  package func callEnded(_ ending: CallEnding) {
    self.ending = ending
    wasInterrupted = isBusy
    if isBusy { cancel() } else { hooksHaveEnded() }
  }

  /// A hook is at work, or about to be.
  package var isBusy: Bool { inHand != nil }

  // MARK: Hooks

  /// Asks the callout about the request in hand.
  package override func run() async {
    guard let request = inHand, let direction = request.direction else { return }
    // The stream may have ended before its turn came.
    guard ending == nil else { return hookEnded() }
    let start = service.metrics == nil ? nil : NIODeadline.now()
    do {
      let reply =
        if service.runsOnEventLoop {
          try await ask(request.data, direction)
        } else {
          try await withTaskExecutorPreference(globalConcurrentExecutor) { try await ask(request.data, direction) }
        }
      guard ending == nil else { return hookEnded() }
      answer(request, direction, reply)
    } catch {
      fail(request, direction, error)
    }
    if let start { service.metrics?.hookTook(NIODeadline.now() - start, direction) }
    hookEnded()
  }

  private func ask(_ data: NetworkData, _ direction: NetworkDirection) async throws -> NetworkReply {
    let server = service.server
    if !hasStarted {
      hasStarted = true
      try await server.onConnectionStart(context: context)
    }
    let reply =
      switch direction {
      case .read: try await server.onReadData(data, context: context)
      case .write: try await server.onWriteData(data, context: context)
      }
    let closes = try server.shouldCloseConnection(data, modified: reply.isModified, context: context)
    return closes ? reply.keepingBack() : reply
  }

  private func answer(_ request: NetworkRequest, _ direction: NetworkDirection, _ reply: NetworkReply) {
    if reply.injected != nil, !state.canInject(against: direction) {
      context.logger.warning("nothing was injected: that direction has ended", metadata: ["direction": "\(direction)"])
    }
    state.answer(request, direction, with: reply, send)
    if reply.connectionStatus != .continue { service.metrics?.closed() }
  }

  private func fail(_ request: NetworkRequest, _ direction: NetworkDirection, _ error: any Error) {
    guard ending == nil else { return }
    let reply: NetworkReply
    if error is Denial {
      context.logger.debug("callout denied", metadata: ["direction": "\(direction)", "denial": "\(error)"])
      reply = .close
    } else {
      service.metrics?.failed(direction)
      context.logger.error("callout failed", metadata: ["direction": "\(direction)", "error": "\(error)"])
      reply = service.configuration.failurePolicy.reply
      if reply.connectionStatus != .continue { failure = error }
    }
    answer(request, direction, reply)
  }

  private func hookEnded() {
    inHand = nil
    guard ending == nil else { return hooksHaveEnded() }
    call.markAnswered()
    finishIfDone()
    call.resume()
    observer?.hooksAreQuiet()
  }

  // MARK: Answers and the end

  private func send(_ message: NetworkMessage) {
    call.send(headLength: message.headLength, message.writeHead, rest: message.rest)
  }

  /// The proxy sends no more and nothing is left to answer.
  private func finishIfDone() {
    if hasReceivedEnd, !isBusy { call.finish(.ok) }
  }

  /// The stream is over and no hook is at work any more.
  private func hooksHaveEnded() {
    if hasStarted { service.server.onConnectionEnd(connectionEnding, context: context) }
    observer?.streamEnded(connectionEnding)
    // The stream gives back its place among the connection's.
    call.resume()
  }

  private var connectionEnding: StreamEnding {
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

extension NetworkCalloutServer.FailurePolicy {
  fileprivate var reply: NetworkReply {
    switch self {
    case .close: .close
    case .reset: .reset
    case .passThrough: .continue
    }
  }
}
