// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import Logging

extension ProcessCall {
  /// Does what the configuration says of a hook that failed, or of the reply of one.
  func fail(_ request: ProcessingRequest, _ error: any Error) {
    guard let phase = request.phase else { return }
    if let denial = error as? Denial { return deny(request, phase, denial) }
    service.metrics?.failed(phase)
    fail(request, error, service.configuration.failurePolicy[phase])
  }

  func fail(_ request: ProcessingRequest, _ error: any Error, _ policy: CalloutServer.FailurePolicy) {
    let phase = request.phase.map { "\($0)" } ?? "none"
    context.logger.error("callout failed", metadata: ["phase": "\(phase)", "error": "\(error)"])
    ending(on: request) { () throws(CalloutError) in
      switch policy {
      case .failStream: end(GRPCStatus(callout: error), because: error)
      case .passThrough: try send(.continue(request.phase!), to: request)
      case .immediate(let response): try send(.immediate(response), to: request)
      }
    }
  }

  private func deny(_ request: ProcessingRequest, _ phase: Phase, _ denial: Denial) {
    service.metrics?.denied(phase)
    context.logger.debug("callout denied", metadata: ["phase": "\(phase)", "denial": "\(denial)"])
    ending(on: request) { () throws(CalloutError) in
      switch denial.form {
      case .immediate(let response): try send(.immediate(response), to: request)
      case .grpcStatus(let message): end(GRPCStatus(.permissionDenied, message), because: denial)
      }
    }
  }

  /// Ends the stream where not even this can be sent.
  func ending(on request: ProcessingRequest, _ send: () throws(CalloutError) -> Void) {
    do throws(CalloutError) {
      try send()
    } catch {
      end(GRPCStatus(.internal, error.message), because: error)
    }
  }
}

extension GRPCStatus {
  /// The status that ends a stream whose callout failed: the one it threw, or one that says whose fault it was.
  init(callout error: any Error) {
    switch error {
    case let error as CalloutError:
      self.init(error.code == .malformedRequest ? .invalidArgument : .internal, error.message)
    default: self.init(error)
    }
  }
}
