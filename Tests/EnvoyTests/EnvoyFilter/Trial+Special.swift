// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Trial {
  /// Callouts that change the rules, or answer themselves.
  static let special: [Trial] = [
    Trial("an immediate response to the request", request: post) { _ in
      [.reply(.immediate(403, "no entry", details: "not you"))]
    },
    Trial("an immediate response to the response", request: post) { message in
      guard case .responseHeaders = message.request else { return Act.pass(message) }
      return [
        .reply(
          .immediate(418, "tea").with { $0.immediateResponse.headers = .of(set: ["x-why": "pot", "x-envoy-no": "1"]) })
      ]
    },
    Trial("an immediate response without a status") { _ in
      [.reply(.with { $0.immediateResponse.body = Data("ok".utf8) })]
    },
    Trial("an immediate response without a body") { _ in
      [
        .reply(
          .immediate(401).with { $0.immediateResponse.headers = .of(set: ["content-type": "text/html", "bad\n": "1"]) })
      ]
    },
    Trial(
      "an immediate response to a client of gRPC",
      request: HTTPRequest("POST", fields: ["content-type": "application/grpc"])
    ) { _ in
      [.reply(.immediate(403, "no entry: 100%"))]
    },
    Trial("an immediate response to the buffered body", bodies(.buffered), request: post) { message in
      guard case .requestBody = message.request else { return Act.pass(message) }
      return [.reply(.immediate(413, "too much"))]
    },
    Trial("immediate responses are disabled", filter: { $0.disableImmediateResponse = true }) { _ in
      [.reply(.immediate(403))]
    },
    Trial("a streamed immediate response", request: HTTPRequest()) { message in
      guard case .requestHeaders = message.request else { return [] }
      return [
        .reply(.local([":status": "203", "x-l": "1"])), .reply(.localBody("one ", false)),
        .reply(.localBody("two", true)),
      ]
    },
    Trial("a streamed immediate response without a body") { _ in [.reply(.local([":status": "203"], isLast: true))] },
    Trial("a streamed immediate response without :status") { _ in [.reply(.local(["x-l": "1"], isLast: true))] },
    Trial("a streamed immediate response in BUFFERED", bodies(.buffered), request: post) { _ in
      [.reply(.local([":status": "203"])), .reply(.localBody("one", true))]
    },
    Trial("a streamed immediate response's body first") { _ in [.reply(.localBody("one", true))] },
    Trial("mode_override to BUFFERED", request: post, filter: { $0.allowModeOverride = true }) { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders(.init()).with { $0.modeOverride.requestBodyMode = .buffered })]
      case .requestBody: [.reply(.requestBody(.body("HELLO")))]
      default: Act.pass(message)
      }
    },
    Trial("mode_override to duplex", request: post, filter: { $0.allowModeOverride = true }) { message in
      switch message.request {
      case .requestHeaders:
        [
          .reply(
            .requestHeaders(.init()).with {
              $0.modeOverride.requestBodyMode = .fullDuplexStreamed
              $0.modeOverride.requestTrailerMode = .send
            })
        ]
      default: Act.pass(message, duplex: true)
      }
    },
    Trial("mode_override away from BUFFERED", bodies(.buffered), request: post, filter: { $0.allowModeOverride = true })
    { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders(.init()).with { $0.modeOverride.responseHeaderMode = .skip })]
      case .requestBody: [.reply(.requestBody(.body("HELLO!")))]
      case .responseHeaders: [.reply(.responseHeaders(.headers(set: ["x-seen": "1"])))]
      default: Act.pass(message)
      }
    },
    Trial("mode_override that is not allowed", request: post) { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders(.init()).with { $0.modeOverride.requestBodyMode = .buffered })]
      case .requestBody: [.reply(.requestBody(.body("HELLO")))]
      default: Act.pass(message)
      }
    },
    Trial(
      "mode_override that the list lacks", request: post,
      filter: {
        $0.allowModeOverride = true
        $0.allowedOverrideModes = [.with { $0.requestBodyMode = .streamed }]
      }
    ) { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders(.init()).with { $0.modeOverride.requestBodyMode = .buffered })]
      case .requestBody: [.reply(.requestBody(.body("HELLO")))]
      default: Act.pass(message)
      }
    },
    Trial("observability", bodies(.streamed), request: post, filter: { $0.observabilityMode = true }) { message in
      [.reply(.immediate(403))]
    },
    Trial("a stream that ends with OK", bodies(.buffered), request: post) { _ in [.end(.ok)] },
    Trial("a stream that ends with OK in the body", bodies(.buffered), request: post) { message in
      if case .requestBody = message.request { return [.end(.ok)] }
      return Act.pass(message)
    },
    Trial("a stream that ends with OK in a duplex body", everything(.fullDuplexStreamed), request: chunked) { message in
      if case .requestBody = message.request { return [.end(.ok)] }
      return Act.pass(message, duplex: true)
    },
  ]
}
