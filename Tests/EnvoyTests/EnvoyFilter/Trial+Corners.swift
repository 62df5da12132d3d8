// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Trial {
  /// Corners of what is allowed.
  static let corners: [Trial] = [
    Trial(
      "streamed: the body does not wait", everything(.streamed), request: post,
      filter: { $0.sendBodyWithoutWaitingForHeaderResponse = true }
    ) { Act.pass($0) },
    Trial(
      "streamed: the body does not wait, nor do trailers", everything(.streamed), request: trailing,
      response: trailingAnswer, filter: { $0.sendBodyWithoutWaitingForHeaderResponse = true }
    ) { Act.pass($0) },
    Trial("duplex: content-length is dropped", everything(.fullDuplexStreamed), request: post) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message, duplex: true) }
      return [.reply(.requestHeaders(.headers(set: ["content-length": "5"])))]
    },
    Trial(
      "buffered: headers that have passed stay",
      {
        bodies(.buffered)(&$0)
        $0.requestHeaderMode = .skip
      }, request: post
    ) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.body("HELLO!", set: ["x-late": "1"])))]
    },
    Trial("partial: a new body and a header", bodies(.bufferedPartial), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.body("longer than before", set: ["x-new": "1"])))]
    },
    Trial("CONTINUE_AND_REPLACE without a body", bodies(.buffered), request: post) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(Common.headers(set: ["x-new": "1"]).continuingAndReplacing))]
    },
    Trial("CONTINUE_AND_REPLACE with trailers", everything(.streamed), request: trailing) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(Common.body("instead").continuingAndReplacing))]
    },
    Trial("buffered: clear_body of a chunked body", bodies(.buffered), request: chunked) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.requestBody(.with { $0.bodyMutation.clearBody_p = true }))]
    },
    Trial("buffered: trailers are changed", everything(.buffered), request: trailing, response: trailingAnswer) {
      message in
      switch message.request {
      case .requestTrailers: [.reply(.with { $0.requestTrailers.headerMutation = .of(set: ["x-v": "2"]) })]
      case .responseTrailers:
        [.reply(.with { $0.responseTrailers.headerMutation = .of(set: ["x-w": "2"], remove: ["x-u"]) })]
      default: Act.pass(message)
      }
    },
    Trial("trailers that are not sent pass", bodies(.streamed), request: trailing, response: trailingAnswer) {
      Act.pass($0)
    },
    Trial("duplex: the body is dropped, with trailers", everything(.fullDuplexStreamed), request: trailing) { message in
      if case .requestBody = message.request { return [] }
      return Act.pass(message, duplex: true)
    },
    Trial(
      "allow_mode_override in full duplex", everything(.fullDuplexStreamed), request: chunked,
      filter: { $0.allowModeOverride = true }
    ) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message, duplex: true) }
      return [.reply(.requestHeaders(.init()).with { $0.modeOverride.requestBodyMode = .none })]
    },
    Trial("mode_override skips the response", request: post, filter: { $0.allowModeOverride = true }) { message in
      guard case .requestHeaders = message.request else { return [.reply(.immediate(500))] }
      return [.reply(.requestHeaders(.init()).with { $0.modeOverride.responseHeaderMode = .skip })]
    },
    Trial(
      "mode_override leaves header modes that it does not name", { $0.responseHeaderMode = .skip }, request: post,
      filter: { $0.allowModeOverride = true }
    ) { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders(.init()).with { $0.modeOverride.responseBodyMode = .buffered })]
      case .responseHeaders: [.reply(.immediate(500))]
      default: [.reply(.responseBody(.body("ANSWER")))]
      }
    },
    Trial("override_message_timeout, then the reply", filter: { $0.maxMessageTimeout = .seconds(20) }) { message in
      [.reply(.with { $0.overrideMessageTimeout = .init(seconds: 15) })] + Act.pass(message)
    },
  ]
}
