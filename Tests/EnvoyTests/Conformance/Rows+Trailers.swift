// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf

extension Row {
  private static let request = HTTPRequest("POST", body: "hello", trailers: ["x-request": "1"])
  private static let withTrailers: HTTPUpstream.Responder = { _ in
    HTTPResponse(body: "answer", trailers: ["x-response": "2"])
  }

  private static func sendingTrailers(_ mode: BodySendMode) -> Filter {
    { callout in
      (callout.processingMode.requestTrailerMode, callout.processingMode.responseTrailerMode) = (.send, .send)
      callout.processingMode.requestBodyMode = mode
    }
  }

  private static let adding = answering { message in
    guard message.isRequestTrailers else { return nil }
    return [
      .with {
        $0.requestTrailers.headerMutation.setHeaders = [
          .with {
            $0.header.key = "x-added"
            $0.header.rawValue = Data("1".utf8)
          }
        ]
      }
    ]
  }

  static let trailers: [Row] =
    [BodySendMode.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed].map { mode in
      Row(
        .trailers, "adds a trailer with the body in \(mode.name)", filter: sendingTrailers(mode), request: request,
        script: adding,
        see: { exchange in
          guard exchange.response?.status == 200, let seen = exchange.upstream.last else { return exchange.outcome }
          return "upstream gets '\(String(buffer: seen.body))' and x-added: \(seen.trailers["x-added"] ?? "none")"
        }, seen: "upstream gets 'hello' and x-added: 1")
    }
    + [BodySendMode.streamed, .buffered, .fullDuplexStreamed].map { mode in
      Row(
        .trailers, "gets a body before trailers in \(mode.name)", filter: sendingTrailers(mode), request: request,
        script: answering { _ in nil }, see: \.requestPieces, seen: "'hello'")
    } + [
      Row(
        .trailers, "gets a body before trailers that are not sent, in STREAMED", filter: requestBody(.streamed),
        request: request, script: answering { _ in nil }, see: \.requestPieces, seen: "'hello'"),
      Row(
        .trailers, "gets trailers while it has not answered the last piece, in STREAMED",
        filter: {
          sendingTrailers(.streamed)(&$0)
          $0.messageTimeout = .milliseconds(200)
        }, request: request, script: answering { $0.isRequestBody ? [] : nil },
        see: { "\($0.outcome), \($0.received.count(where: \.isRequestTrailers)) trailer messages" },
        seen: "504 ext_proc_error_per-message_timeout_exceeded, 0 trailer messages"),
      Row(
        .trailers, "removes a response's trailer",
        filter: { $0.processingMode.responseTrailerMode = .send }, upstream: withTrailers,
        script: answering { message in
          guard message.isResponseTrailers else { return nil }
          return [.with { $0.responseTrailers.headerMutation.removeHeaders = ["x-response"] }]
        }, see: { "\($0.outcome), client gets x-response: \($0.response?.trailers["x-response"] ?? "none")" },
        seen: "200, client gets x-response: none"),
      Row(
        .trailers, "gets no trailers where there are none", filter: sendingTrailers(.none), request: post,
        script: answering { _ in nil }, see: { "\($0.received.count(where: \.isRequestTrailers)) trailer messages" },
        seen: "0 trailer messages"),
      Row(
        .trailers, "answers trailers with an immediate response", filter: sendingTrailers(.none), request: request,
        script: answering { $0.isRequestTrailers ? [.immediate(403)] : nil }, seen: "403"),
      Row(
        .trailers, "has a full duplex body without sending trailers",
        filter: { $0.processingMode.requestBodyMode = .fullDuplexStreamed },
        request: post, script: answering { _ in nil }, seen: "Envoy refuses the configuration"),
    ]
}
