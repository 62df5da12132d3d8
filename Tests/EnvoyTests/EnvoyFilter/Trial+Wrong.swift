// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Trial {
  /// Callouts that break a rule.
  static let wrong: [Trial] = [
    Trial("nothing in the reply") { _ in [.reply(.init())] },
    Trial("a reply of another phase") { _ in [.reply(.responseHeaders(.init()))] },
    Trial("trailers for headers") { _ in [.reply(.with { $0.requestTrailers = .init() })] },
    Trial("two replies to headers") { Act.pass($0) + Act.pass($0) }.withChance,
    Trial("two replies to the last headers", { $0.responseHeaderMode = .skip }) { Act.pass($0) + Act.pass($0) },
    Trial("no reply to the request", filter: { $0.messageTimeout = .seconds(3) }) { _ in [] },
    Trial("no reply to the response", filter: { $0.messageTimeout = .seconds(3) }) { message in
      guard case .requestHeaders = message.request else { return [] }
      return Act.pass(message)
    },
    Trial("no reply to the body", bodies(.buffered), request: post, filter: { $0.messageTimeout = .seconds(3) }) {
      message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return []
    },
    Trial("a stream that fails") { _ in [.end(GRPCStatus(.internal, "broken"))] },
    Trial("a stream that fails for the response") { message in
      guard case .responseHeaders = message.request else { return Act.pass(message) }
      return [.end(GRPCStatus(.permissionDenied, "no"))]
    },
    Trial("a new body of another length", bodies(.buffered), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.body("longer than before")))]
    },
    Trial("a new response body of another length", bodies(.buffered), request: post) { message in
      guard case .responseBody = message.request else { return Act.pass(message) }
      return [.reply(.responseBody(.body("longer than before")))]
    },
    Trial("clear_body with a content-length", bodies(.buffered), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.with { $0.bodyMutation.clearBody_p = true }))]
    },
    Trial("clear_body: false with a content-length", bodies(.buffered), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.with { $0.bodyMutation.clearBody_p = false }))]
    },
    Trial("streamed_response in BUFFERED", bodies(.buffered), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.streamed("hello", true)))]
    },
    Trial("streamed_response in BUFFERED without a content-length", bodies(.buffered), request: chunked) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.streamed("HELLO", true)))]
    },
    Trial("two replies to a streamed piece", bodies(.streamed), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return Act.pass(message) + Act.pass(message) + Act.pass(message)
    }.withChance,
    Trial("duplex: an empty reply to a body", everything(.fullDuplexStreamed), request: chunked) { Act.pass($0) },
    Trial("duplex: a body mutation", everything(.fullDuplexStreamed), request: chunked) { message in
      guard case .requestBody = message.request else { return Act.pass(message, duplex: true) }
      return [.reply(.requestBody(.body("new")))]
    },
    Trial("duplex: the body before the headers", everything(.fullDuplexStreamed), request: chunked) { message in
      switch message.request {
      case .requestHeaders: []
      default: Act.pass(message, duplex: true)
      }
    },
    Trial("duplex: a piece after the end", everything(.fullDuplexStreamed), request: chunked) { message in
      guard case .requestBody(let body) = message.request else { return Act.pass(message, duplex: true) }
      guard body.endOfStream else { return [] }
      return [.reply(.requestBody(.streamed("a", true))), .reply(.requestBody(.streamed("b", true)))]
    }.withChance,
    Trial("duplex: an immediate response in the response's body", everything(.fullDuplexStreamed)) { message in
      guard case .responseBody = message.request else { return Act.pass(message, duplex: true) }
      return [.reply(.responseBody(.streamed("a", false))), .reply(.immediate(403, "late"))]
    },
    Trial("streamed: a failure in the response's body", bodies(.streamed)) { message in
      guard case .responseBody = message.request else { return Act.pass(message) }
      return Act.pass(message) + Act.pass(message) + Act.pass(message)
    },
    Trial(
      "override_message_timeout and a reply in one",
      filter: {
        $0.messageTimeout = .seconds(3)
        $0.maxMessageTimeout = .seconds(4)
      }
    ) { _ in [.reply(.requestHeaders(.init()).with { $0.overrideMessageTimeout = .init(seconds: 4) })] },
    Trial("mode_override alone", filter: { $0.allowModeOverride = true }) { _ in
      [.reply(.with { $0.modeOverride.requestBodyMode = .buffered })]
    },
    Trial("status_on_error", filter: { $0.statusOnError = 503 }) { _ in [.reply(.init())] },
  ]

  /// The wrong ones where the filter may go on without the callout.
  static let open: [Trial] = wrong.filter { !$0.upstreamIsChance }.map { trial in
    var trial = Trial(
      "fail-open, \(trial.name)", request: trial.request, response: trial.response, filter: { $0 = trial.filter },
      trial.script)
    trial.filter.failureModeAllow = true
    return trial
  }
}
