// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging

extension CalloutExchange {
  /// Does what the configuration says of a hook that failed, or of the reply of one.
  func fail(_ asked: Asked, _ error: any Error) {
    if let denial = error as? Denial { return deny(asked.phase, denial) }
    fail(asked, error, filter.configuration.failurePolicy[asked.phase])
  }

  func fail(_ asked: Asked, _ error: any Error, _ policy: CalloutServer.FailurePolicy) {
    context.logger.error("callout failed", metadata: ["phase": "\(asked.phase)", "error": "\(error)"])
    switch policy {
    // No stream of gRPC's ends, but the client gets what Envoy answers then.
    case .failStream: refuse(error, details: "callout_failed")
    case .passThrough:
      do throws(CalloutError) {
        try apply(.continue(asked.phase), asked)
      } catch {
        refuse(error, details: "callout_failed")
      }
    case .immediate(let response):
      do throws(CalloutError) {
        try response.check()
        answer(response)
      } catch {
        refuse(error, details: "callout_failed")
      }
    }
  }

  private func deny(_ phase: Phase, _ denial: Denial) {
    context.logger.debug("callout denied", metadata: ["phase": "\(phase)", "denial": "\(denial)"])
    switch denial.form {
    case .immediate(let response):
      do throws(CalloutError) {
        try response.check()
        answer(response)
      } catch {
        refuse(error, details: "callout_failed")
      }
    case .grpcStatus: refuse(denial, details: "denied_by_callout")
    }
  }

  private func refuse(_ error: any Error, details: String) {
    failure = failure ?? error
    answer(ImmediateResponse(status: 500, body: "", details: details))
  }
}
