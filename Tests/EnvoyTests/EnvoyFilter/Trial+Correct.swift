// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Trial {
  /// Callouts that do what they should, in every mode.
  static let correct: [Trial] =
    modes.flatMap { mode -> [Trial] in
      let isDuplex = mode == .fullDuplexStreamed
      let passing: TrialScript = { Act.pass($0, duplex: isDuplex) }
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
}
