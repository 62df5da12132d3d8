// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

private func bodies(_ mode: BodySendMode) -> (inout ProcessingMode) -> Void {
  { ($0.requestBodyMode, $0.responseBodyMode) = (mode, mode) }
}

private func everything(_ mode: BodySendMode) -> (inout ProcessingMode) -> Void {
  {
    bodies(mode)(&$0)
    ($0.requestTrailerMode, $0.responseTrailerMode) = (.send, .send)
  }
}

private func name(_ mode: BodySendMode) -> String { "\(mode)" }

private let post = HTTPRequest("POST", "/path", fields: ["x-a": "1"], body: "hello")
private let chunked = HTTPRequest("POST", "/path", body: "hello", isChunked: true)
private let trailing = HTTPRequest("POST", "/path", body: "hello", trailers: ["x-t": "1"])
private let trailingAnswer = HTTPResponse(body: "answer", trailers: ["x-u": "1"])
private let modes: [BodySendMode] = [.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed]

extension Trial {
  /// Callouts that do what they should, in every mode.
  static let correct: [Trial] =
    modes.flatMap { mode -> [Trial] in
      let isDuplex = mode == .fullDuplexStreamed
      let passing: Script = { Act.pass($0, duplex: isDuplex) }
      return [
        Trial("\(mode): a body passes", everything(mode), request: post, passing),
        Trial("\(mode): a chunked body passes", everything(mode), request: chunked, passing),
        Trial("\(mode): trailers pass", everything(mode), request: trailing, response: trailingAnswer, passing),
        Trial("\(mode): a GET passes", everything(mode), passing),
        Trial(
          "\(mode): an empty chunked body passes", everything(mode), request: HTTPRequest("POST", isChunked: true),
          passing),
        Trial("\(mode): a HEAD passes", everything(mode), request: HTTPRequest("HEAD"), passing),
        Trial("\(mode): 204 passes", everything(mode), response: HTTPResponse(status: 204), passing),
        Trial(
          "\(mode): headers are set and removed", everything(mode), request: post,
          response: HTTPResponse(fields: ["x-b": "1"], body: "answer")
        ) { message in
          switch message.request {
          case .requestHeaders:
            [.reply(.requestHeaders(.headers(set: ["x-new": "2", ":path": "/new"], remove: ["x-a"])))]
          case .responseHeaders:
            [.reply(.responseHeaders(.headers(set: ["x-new": "3", ":status": "201"], remove: ["x-b"])))]
          default: passing(message)
          }
        },
        Trial("\(mode): the message is replaced", everything(mode), request: post) { message in
          guard !isDuplex else { return passing(message) }
          let replacement = Common.body("instead", set: [":method": "PUT", "x-new": "1"]).continuingAndReplacing
          switch message.request {
          case .requestHeaders: return [.reply(.requestHeaders(replacement))]
          case .responseHeaders: return [.reply(.responseHeaders(Common.body("other").continuingAndReplacing))]
          default: return passing(message)
          }
        },
        Trial(
          "\(mode): without headers",
          {
            everything(mode)(&$0)
            ($0.requestHeaderMode, $0.responseHeaderMode) = (.skip, .skip)
          }, request: post, passing),
      ]
    } + [
      Trial("GET becomes POST", { $0.responseHeaderMode = .skip }) { _ in
        [.reply(.requestHeaders(Common.body("new", set: [":method": "POST"]).continuingAndReplacing))]
      },
      Trial("buffered: a new body with its length", bodies(.buffered), request: post) { message in
        switch message.request {
        case .requestBody: [.reply(.requestBody(.body("longer than before", set: ["content-length": "18"])))]
        case .responseBody: [.reply(.responseBody(.body("", set: ["content-length": "0"])))]
        default: Act.pass(message)
        }
      },
      Trial("buffered: a new chunked body", bodies(.buffered), request: chunked) { message in
        if case .requestBody = message.request { return [.reply(.requestBody(.body("longer than before")))] }
        return Act.pass(message)
      },
      Trial("streamed: each piece is replaced", bodies(.streamed), request: post) { message in
        guard case .requestBody(let body) = message.request, !body.body.isEmpty else { return Act.pass(message) }
        return [.reply(.requestBody(.body("HELLO")))]
      },
      Trial("streamed: content-length is dropped", bodies(.streamed), request: post) { message in
        guard case .requestHeaders = message.request else { return Act.pass(message) }
        return [.reply(.requestHeaders(.headers(set: ["content-length": "5"])))]
      },
      Trial("duplex: one piece for all, and more", everything(.fullDuplexStreamed), request: chunked) { message in
        switch message.request {
        case .requestBody(let body):
          body.endOfStream
            ? [.reply(.requestBody(.streamed("one ", false))), .reply(.requestBody(.streamed("two", true)))] : []
        default: Act.pass(message, duplex: true)
        }
      },
      Trial("duplex: a longer body with a content-length", everything(.fullDuplexStreamed), request: post) { message in
        switch message.request {
        case .requestBody(let body): body.endOfStream ? [.reply(.requestBody(.streamed("much longer", true)))] : []
        default: Act.pass(message, duplex: true)
        }
      },
      Trial("duplex: headers are answered after the body", everything(.fullDuplexStreamed), request: chunked) {
        message in
        switch message.request {
        case .requestHeaders: []
        case .requestBody(let body):
          body.endOfStream
            ? [.reply(.requestHeaders(.headers(set: ["x-late": "1"]))), .reply(.requestBody(.streamed("new", true)))]
            : []
        default: Act.pass(message, duplex: true)
        }
      },
      Trial(
        "duplex: trailers end the body", everything(.fullDuplexStreamed), request: trailing, response: trailingAnswer
      ) { message in
        guard case .requestTrailers = message.request else { return Act.pass(message, duplex: true) }
        return [.reply(.with { $0.requestTrailers.headerMutation = .of(set: ["x-v": "2"], remove: ["x-t"]) })]
      },
    ]

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
      return [.reply(.requestHeaders().with { $0.modeOverride.requestBodyMode = .none })]
    },
    Trial("mode_override skips the response", request: post, filter: { $0.allowModeOverride = true }) { message in
      guard case .requestHeaders = message.request else { return [.reply(.immediate(500))] }
      return [.reply(.requestHeaders().with { $0.modeOverride.responseHeaderMode = .skip })]
    },
    Trial("override_message_timeout, then the reply", filter: { $0.maxMessageTimeout = .seconds(20) }) { message in
      [.reply(.with { $0.overrideMessageTimeout = .init(seconds: 15) })] + Act.pass(message)
    },
  ]

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
      case .requestHeaders: [.reply(.requestHeaders().with { $0.modeOverride.requestBodyMode = .buffered })]
      case .requestBody: [.reply(.requestBody(.body("HELLO")))]
      default: Act.pass(message)
      }
    },
    Trial("mode_override to duplex", request: post, filter: { $0.allowModeOverride = true }) { message in
      switch message.request {
      case .requestHeaders:
        [
          .reply(
            .requestHeaders().with {
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
      case .requestHeaders: [.reply(.requestHeaders().with { $0.modeOverride.responseHeaderMode = .skip })]
      case .requestBody: [.reply(.requestBody(.body("HELLO!")))]
      case .responseHeaders: [.reply(.responseHeaders(.headers(set: ["x-seen": "1"])))]
      default: Act.pass(message)
      }
    },
    Trial("mode_override that is not allowed", request: post) { message in
      switch message.request {
      case .requestHeaders: [.reply(.requestHeaders().with { $0.modeOverride.requestBodyMode = .buffered })]
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
      case .requestHeaders: [.reply(.requestHeaders().with { $0.modeOverride.requestBodyMode = .buffered })]
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

  /// Changes of headers that Envoy applies in its own way.
  static let mutations: [Trial] = [
    mutation(
      "routing headers",
      .of(set: [
        ":authority": "other", ":scheme": "https", ":method": "PUT", "host": "h", "x-envoy-a": "1", ":path": "/p",
      ])),
    mutation("allow_all_routing", .of(set: [":authority": "other", ":method": "PUT"])) {
      $0.mutationRules.allowAllRouting = true
    },
    mutation("host means :authority", .of(set: ["host": "other"])) { $0.mutationRules.allowAllRouting = true },
    mutation("allow_envoy", .of(set: ["x-envoy-a": "1"])) { $0.mutationRules.allowEnvoy = true },
    mutation("disallow_all", .of(set: ["x-new": "1"], remove: ["x-a"])) { $0.mutationRules.disallowAll = true },
    mutation("disallow_system", .of(set: ["x-new": "1", ":path": "/p"])) { $0.mutationRules.disallowSystem = true },
    mutation("disallow_is_error sets", .of(set: [":method": "PUT"])) { $0.mutationRules.disallowIsError = true },
    mutation("disallow_is_error removes", .of(remove: [":path"])) { $0.mutationRules.disallowIsError = true },
    mutation(
      "removals that no rule allows", .of(remove: [":path", "host", "x-a", "x-envoy-expected-rq-timeout-ms", ""])),
    mutation("an upper-case name", .of(set: ["X-New": "1"], remove: ["X-A"])),
    mutation("a bad name", .of(set: ["bad name": "1"])),
    mutation("a bad value", .of(set: ["x-new": "a\nb"])),
    mutation("a bad name to remove", .of(remove: ["bad name"])),
    mutation("many", .with { $0.setHeaders = (0..<101).map { .setting("x-\($0)", "1") } }),
    mutation("many to remove", .of(remove: (0..<101).map { "x-\($0)" })),
    mutation("too many in the end", .with { $0.setHeaders = (0..<99).map { .setting("x-\($0)", "1") } }),
    mutation("too long in the end", .of(set: ["x-long": String(repeating: "a", count: 61_440)])),
    mutation(
      "value instead of raw_value",
      .with {
        $0.setHeaders = [
          .with {
            $0.header.key = "x-a"; $0.header.value = "2"
          }
        ]
      }),
    mutation(
      "value and raw_value",
      .with {
        $0.setHeaders = [
          .with {
            $0.header.key = "x-a"; $0.header.value = "2"; $0.header.rawValue = Data("3".utf8)
          }
        ]
      }),
    mutation(
      "append",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.append = true
          }
        ]
      }),
    mutation(
      "append to :path",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting(":path", "/2"); $0.append = true
          }
        ]
      }),
    mutation(
      "append_action ADD_IF_ABSENT",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.appendAction = .addIfAbsent
          }
        ]
      }),
    mutation(
      "append_action OVERWRITE_IF_EXISTS",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-n", "2"); $0.appendAction = .overwriteIfExists
          }
        ]
      }),
    mutation(
      "append_action APPEND",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.appendAction = .appendIfExistsOrAdd
          }
        ]
      }),
    mutation("a control character", .of(set: ["x-new": "a\u{1}b"])),
    mutation("a tab", .of(set: ["x-new": "a\tb"])),
    Trial("a bad status") { message in
      guard case .responseHeaders = message.request else { return Act.pass(message) }
      return [.reply(.responseHeaders(.headers(set: [":status": "99", "x-new": "1"])))]
    },
    Trial("a body without CONTINUE_AND_REPLACE", request: post) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(.body("instead")))]
    },
  ]

  private static func mutation(
    _ name: String, _ mutation: Mutation, filter: (inout EnvoyFilter) -> Void = { _ in }
  ) -> Trial {
    Trial("mutation: \(name)", request: HTTPRequest(fields: ["x-a": "1"]), filter: filter) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(.with { $0.headerMutation = mutation }))]
    }
  }

  /// Callouts that break a rule.
  static let wrong: [Trial] = [
    Trial("nothing in the reply") { _ in [.reply(.init())] },
    Trial("a reply of another phase") { _ in [.reply(.responseHeaders())] },
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
    ) { _ in [.reply(.requestHeaders().with { $0.overrideMessageTimeout = .init(seconds: 4) })] },
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

extension Common {
  var continuingAndReplacing: Common {
    var common = self
    common.status = .continueAndReplace
    return common
  }
}

extension Envoy_Config_Core_V3_HeaderValueOption {
  static func setting(_ name: String, _ value: String) -> Self {
    .with {
      $0.header.key = name
      $0.header.rawValue = Data(value.utf8)
    }
  }
}

extension ProcessingResponseMessage {
  static func local(_ fields: KeyValuePairs<String, String>, isLast: Bool = false) -> Self {
    with {
      $0.streamedImmediateResponse.headersResponse = .with {
        $0.endOfStream = isLast
        $0.headers.headers = fields.map { name, value in
          .with {
            $0.key = name
            $0.rawValue = Data(value.utf8)
          }
        }
      }
    }
  }

  static func localBody(_ text: String, _ isLast: Bool) -> Self {
    with {
      $0.streamedImmediateResponse.bodyResponse = .with {
        $0.body = Data(text.utf8)
        $0.endOfStream = isLast
      }
    }
  }
}
