// SPDX-License-Identifier: Apache-2.0
package import CalloutGRPC
internal import CalloutTransport
internal import Callouts
internal import NIOCore

/// One call of Check: takes the request to the hook and its answer back.
///
/// Confined to the event loop of its connection.
final class CheckCall: EventLoopWork, ServerCallHandler, @unchecked Sendable {
  // Unchecked: touched on the event loop only; what runs elsewhere is the hook, which is given the request and the
  // context alone.

  private let call: ServerCall
  private let service: CheckService
  /// The request whose hook is to be asked next.
  private var inHand: CheckRequest?
  private var hasRequest = false
  private var isAsking = false
  private var isOver = false

  init(_ call: ServerCall, _ service: CheckService) {
    self.call = call
    self.service = service
    super.init(call.connection.tasks)
  }

  // MARK: From the call

  func receive(_ message: consuming ByteBuffer) {
    guard !hasRequest else { return }
    hasRequest = true
    do throws(CalloutError) {
      inHand = try CheckRequest(serialized: message)
    } catch {
      return call.finish(GRPCStatus(callout: error))
    }
    // Until there is an answer, so that a call which is reset keeps its stream's place while its hook is at work.
    call.pause()
    becomeReady()
  }

  func receiveEnd() {
    if !hasRequest { call.finish(GRPCStatus(.internal, "the call ended without a request")) }
  }

  func shutDown() { call.finish(GRPCStatus(.unavailable, "the server is shutting down")) }

  func callEnded(_ ending: CallEnding) {
    isOver = true
    // Once there is an answer, the task is at work for others.
    if isAsking { cancel() }
  }

  // MARK: The hook

  /// Answers the request in hand, on the event loop.
  override func run() async {
    // The call may have ended before its turn came.
    if let request = inHand.take(), !isOver { finish(await answer(to: request)) }
    call.resume()
  }

  private func answer(to request: CheckRequest) async -> Result<ByteBuffer, any Error> {
    let context = CheckContext(
      streamID: call.id, peer: call.connection.peer, headers: call.headers, logger: service.logger)
    isAsking = true
    defer { isAsking = false }
    do {
      return .success(try await service.answer(to: request, context))
    } catch {
      return .failure(error)
    }
  }

  private func finish(_ answer: Result<ByteBuffer, any Error>) {
    call.eventLoop.assertInEventLoop()
    switch answer {
    case .success(let message):
      call.send { $0.writeImmutableBuffer(message) }
      call.finish(.ok)
    case .failure(let error): call.finish(GRPCStatus(callout: error))
    }
  }
}

extension GRPCStatus {
  /// The status that ends a call whose hook failed: the one it threw, or one that says whose fault it was.
  package init(callout error: any Error) {
    switch error {
    case let error as CalloutError:
      self.init(error.code == .malformedRequest ? .invalidArgument : .internal, error.message)
    default: self.init(error)
    }
  }
}
