// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging

extension CalloutExchange {
  /// Does what the configuration says of a hook that failed, or of the reply of one.
  func fail(_ hookCall: HookCall, _ error: any Error) {
    if let denial = error as? Denial { return deny(hookCall.phase, denial) }
    fail(hookCall, error, filter.configuration.failurePolicy[hookCall.phase])
  }

  func fail(_ hookCall: HookCall, _ error: any Error, _ policy: CalloutServer.FailurePolicy) {
    context.logger.error("callout failed", metadata: ["phase": "\(hookCall.phase)", "error": "\(error)"])
    switch policy {
    // No stream of gRPC's ends, but the client gets what Envoy answers then.
    case .failStream: refuse(error, details: "callout_failed")
    case .passThrough: orRefuse { () throws(CalloutError) in try apply(.continue(hookCall.phase), hookCall) }
    case .immediate(let response): answerChecked(response)
    }
  }

  /// Answers the client because of a failure, with what Envoy answers where nothing else is given.
  func fail(_ phase: Phase, _ error: any Error, answering response: ImmediateResponse?) {
    context.logger.error("callout failed", metadata: ["phase": "\(phase)", "error": "\(error)"])
    if let response { answerChecked(response) } else { refuse(error, details: "callout_failed") }
  }

  private func answerChecked(_ response: ImmediateResponse) {
    orRefuse { () throws(CalloutError) in
      try response.check()
      answer(response)
    }
  }

  private func orRefuse(_ body: () throws(CalloutError) -> Void) {
    do throws(CalloutError) {
      try body()
    } catch {
      refuse(error, details: "callout_failed")
    }
  }

  func deny(_ phase: Phase, _ denial: Denial) {
    context.logger.debug("callout denied", metadata: ["phase": "\(phase)", "denial": "\(denial)"])
    switch denial.form {
    case .immediate(let response): answerChecked(response)
    case .grpcStatus: refuse(denial, details: "denied_by_callout")
    }
  }

  private func refuse(_ error: any Error, details: String) {
    failure = failure ?? error
    answer(ImmediateResponse(status: 500, body: "", details: details))
  }
}
