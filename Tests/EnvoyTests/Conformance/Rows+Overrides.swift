// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Row {
  private static let allowing: Filter = { $0.allowModeOverride = true }
  private static let bodyMessages: @Sendable (Exchange) -> String = { exchange in
    let request = exchange.received.count(where: \.isRequestBody)
    let response = exchange.received.count(where: \.isResponseBody)
    return "\(exchange.outcome), \(request) request and \(response) response body messages"
  }

  private static func override(
    _ rule: String, filter: @escaping Filter = allowing, request: HTTPRequest = post,
    seen expected: String, _ change: @escaping @Sendable (inout ProcessingMode) -> Void
  ) -> Row {
    let reply = ProcessingResponseMessage.requestHeaders().and { change(&$0.modeOverride) }
    return Row(
      .overrides, rule, filter: filter, request: request, script: answeringRequestHeaders(reply), see: bodyMessages,
      seen: expected)
  }

  private static func timeout(
    _ rule: String, max: String? = "20s", see: @escaping @Sendable (Exchange) -> String = \.outcome,
    seen expected: String, _ replies: ProcessingResponseMessage...,
    after: Duration = .milliseconds(500)
  ) -> Row {
    Row(
      .overrides, rule,
      filter: {
        $0.messageTimeout = .milliseconds(200)
        if let max { $0.furtherJSON = #"{"max_message_timeout": "\#(max)"}"# }
      },
      script: { stream in
        while let message = try await stream.next() {
          guard message.isRequestHeaders else {
            try await stream.send(.responseHeaders())
            continue
          }
          for reply in replies { try await stream.send(reply) }
          try await Task.sleep(for: after)
          try await stream.send(.requestHeaders())
        }
      }, see: see, seen: expected)
  }

  static let overrides: [Row] = [
    override("overrides the request's body mode to BUFFERED", seen: "200, 1 request and 0 response body messages") {
      $0.requestBodyMode = .buffered
    },
    override(
      "overrides it where the filter does not allow that", filter: { _ in },
      seen: "200, 0 request and 0 response body messages"
    ) {
      $0.requestBodyMode = .buffered
    },
    override(
      "overrides it to a mode that allowed_override_modes has not",
      filter: {
        allowing(&$0)
        $0.furtherJSON = #"{"allowed_override_modes": [{"request_body_mode": "STREAMED"}]}"#
      }, seen: "200, 0 request and 0 response body messages"
    ) { $0.requestBodyMode = .buffered },
    override(
      "overrides it to a mode that allowed_override_modes has",
      filter: {
        allowing(&$0)
        $0.furtherJSON = #"{"allowed_override_modes": [{"request_body_mode": "STREAMED"}]}"#
      }, seen: "200, 1 request and 0 response body messages"
    ) { $0.requestBodyMode = .streamed },
    override(
      "overrides the response's headers to SKIP, and leaves a body mode of STREAMED unset",
      filter: {
        allowing(&$0)
        $0.processingMode.requestBodyMode = .streamed
      }, seen: "200, 0 request and 0 response body messages"
    ) { $0.responseHeaderMode = .skip },
    override("overrides the response's body mode to BUFFERED", seen: "200, 0 request and 1 response body messages") {
      $0.responseBodyMode = .buffered
    },
    override(
      "overrides where the filter has a full duplex body",
      filter: {
        allowing(&$0)
        requestBody(.fullDuplexStreamed)(&$0)
      }, seen: "200, 2 request and 0 response body messages"
    ) { $0.responseBodyMode = .buffered },
    override(
      "overrides where the filter has send_body_without_waiting_for_header_response",
      filter: {
        allowing(&$0)
        $0.processingMode.requestBodyMode = .streamed
        $0.furtherJSON = #"{"send_body_without_waiting_for_header_response": true}"#
      }, seen: "200, 2 request and 0 response body messages"
    ) { $0.responseBodyMode = .buffered },
    override(
      "overrides the request's body mode to FULL_DUPLEX_STREAMED", seen: "200, 1 request and 0 response body messages"
    ) {
      $0.requestBodyMode = .fullDuplexStreamed
      $0.requestTrailerMode = .send
    },
    Row(
      .overrides, "overrides in answer to response headers", filter: allowing,
      script: answeringResponseHeaders(.responseHeaders().and { $0.modeOverride.responseBodyMode = .buffered }),
      see: bodyMessages, seen: "200, 0 request and 1 response body messages"),
    Row(
      .overrides, "overrides in answer to a body",
      filter: {
        allowing(&$0)
        $0.processingMode.requestBodyMode = .buffered
      }, request: post,
      script: answeringRequestBody(.requestBody().and { $0.modeOverride.responseBodyMode = .buffered }),
      see: bodyMessages,
      seen: "200, 1 request and 0 response body messages"),
    Row(
      .overrides, "sends a mode_override by itself", filter: allowing, request: post,
      script: answeringRequestHeaders(
        .with { $0.modeOverride.requestBodyMode = .buffered }, .requestHeaders()), see: bodyMessages,
      seen: "500 unhandled_message, 0 request and 0 response body messages"),
    timeout("asks for more time and answers within it", seen: "200", .timeout(10_000)),
    timeout(
      "asks for more time where max_message_timeout is not set", max: nil,
      seen: "504 ext_proc_error_per-message_timeout_exceeded", .timeout(10_000)),
    timeout(
      "asks for more time than max_message_timeout", max: "1s", seen: "504 ext_proc_error_per-message_timeout_exceeded",
      .timeout(10_000)),
    timeout("asks for less than a millisecond", seen: "504 ext_proc_error_per-message_timeout_exceeded", .timeout(0)),
    timeout(
      "asks for more time twice", seen: "504 ext_proc_error_per-message_timeout_exceeded", .timeout(300),
      .timeout(10_000), after: .milliseconds(700)),
    timeout(
      "asks for more time together with an answer, and answers later",
      see: { $0.upstreamHeader("x-new") }, seen: "upstream gets no x-new",
      .requestHeaders { $0.set("x-new", "1") }.and { $0.overrideMessageTimeout = .init(seconds: 10) }),
  ]
}
