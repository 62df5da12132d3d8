// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore

extension Row {
  private static let long = String(repeating: "0123456789abcdef", count: 20_000)
  private static let longPost = HTTPRequest("POST", body: long)

  /// Whether a long body arrived as it was sent.
  private static let longBody: @Sendable (Exchange) -> String = { exchange in
    guard exchange.response?.status == 200 else { return exchange.outcome }
    return exchange.upstream.last.map { String(buffer: $0.body) == long } == true
      ? "upstream gets it" : "upstream gets another"
  }

  private static func body(
    _ mode: BodySendMode, _ rule: String, request: HTTPRequest = post, _ reply: ProcessingResponseMessage...,
    see: @escaping @Sendable (Exchange) -> String = \.upstreamBody, seen expected: String
  ) -> Row {
    Row(
      .bodies, "\(rule) in \(mode.name)", filter: requestBody(mode), request: request,
      script: answering {
        $0.isRequestBody && !($0.requestBody.endOfStream && $0.requestBody.body.isEmpty) ? reply : nil
      },
      see: see, seen: expected)
  }

  private static let changed = ProcessingResponseMessage.requestBody { $0.replaceBody("changed!") }
  private static let withLength = ProcessingResponseMessage.requestBody {
    $0.replaceBody("changed!")
    $0.set("content-length", "8")
  }

  static let bodies: [Row] =
    [BodySendMode.none, .streamed, .buffered, .bufferedPartial].map { mode in
      Row(
        .bodies, "lets a body of 320 KB pass in \(mode.name)", filter: requestBody(mode), request: longPost,
        script: answering { _ in nil }, see: longBody, seen: "upstream gets it")
    } + [
      body(
        .buffered, "replaces a body, with the content-length of the old one", changed,
        seen: "500 mismatch_between_content_length_and_the_length_of_the_mutated_body"),
      body(.buffered, "replaces a body and sets its content-length", withLength, seen: "upstream gets 'changed!'"),
      body(
        .buffered, "replaces a body that had no content-length", request: chunkedPost, changed,
        seen: "upstream gets 'changed!'"),
      body(.bufferedPartial, "replaces a body", changed, seen: "upstream gets 'changed!'"),
      body(.streamed, "replaces a piece", changed, seen: "upstream gets 'changed!'"),
      body(.streamed, "replaces a piece and sets content-length", withLength, seen: "upstream gets 'changed!'"),
      body(
        .buffered, "clears a body without a new content-length", .requestBody { $0.bodyMutation.clearBody_p = true },
        seen: "500 mismatch_between_content_length_and_the_length_of_the_mutated_body"),
      body(.streamed, "clears a piece", .requestBody { $0.bodyMutation.clearBody_p = true }, seen: "upstream gets ''"),
      body(
        .buffered, "says clear_body false", .requestBody { $0.bodyMutation.clearBody_p = false },
        seen: "500 mismatch_between_content_length_and_the_length_of_the_mutated_body"),
      body(
        .streamed, "says clear_body false", .requestBody { $0.bodyMutation.clearBody_p = false },
        seen: "upstream gets 'hello'"),
      body(
        .buffered, "sends streamed_response", .piece("changed!", end: true),
        seen: "500 mismatch_between_content_length_and_the_length_of_the_mutated_body"),
      body(.bufferedPartial, "sends streamed_response", .piece("changed!", end: true), seen: "upstream gets 'hello'"),
      body(.streamed, "answers a piece twice", .requestBody(), .requestBody(), seen: "500 spurious_message"),
      body(
        .buffered, "sets a header in answer to a body", .requestBody { $0.set("x-new", "1") },
        see: { $0.upstreamHeader("x-new") }, seen: "upstream gets x-new: 1"),
      body(
        .bufferedPartial, "sets a header in answer to a body", .requestBody { $0.set("x-new", "1") },
        see: { $0.upstreamHeader("x-new") }, seen: "upstream gets x-new: 1"),
      Row(
        .bodies, "replaces a body in answer to headers, with CONTINUE",
        filter: { $0.processingMode.requestHeaderMode = .send }, request: post,
        script: answeringRequestHeaders(.requestHeaders { $0.replaceBody("changed!") }), see: \.upstreamBody,
        seen: "upstream gets 'hello'"),
      Row(
        .bodies, "replaces a body in answer to headers, with CONTINUE_AND_REPLACE", request: post,
        script: answeringRequestHeaders(
          .requestHeaders {
            $0.status = .continueAndReplace
            $0.replaceBody("changed!")
          }), see: \.upstreamBody, seen: "upstream gets 'changed!'"),
      Row(
        .bodies, "sets :method in a CONTINUE_AND_REPLACE",
        script: answeringRequestHeaders(
          .requestHeaders {
            $0.status = .continueAndReplace
            $0.set(":method", "POST")
            $0.replaceBody("changed!")
          }), see: { "upstream gets \($0.upstream.last?.method ?? "nothing")" }, seen: "upstream gets POST"),
      Row(
        .bodies, "replaces a response's body with CONTINUE_AND_REPLACE",
        script: answeringResponseHeaders(
          .responseHeaders {
            $0.status = .continueAndReplace
            $0.replaceBody("changed!")
          }), see: \.clientBody, seen: "200, client gets 'changed!'"),
      Row(
        .bodies, "answers a CONTINUE_AND_REPLACE'd request that would have had its body sent",
        filter: requestBody(.streamed), request: post,
        script: answeringRequestHeaders(
          .requestHeaders {
            $0.status = .continueAndReplace
            $0.replaceBody("changed!")
          }), see: { "\($0.received.count(where: \.isRequestBody)) body messages, \($0.upstreamBody)" },
        seen: "0 body messages, upstream gets 'changed!'"),
      Row(
        .bodies, "gets a body over Envoy's buffer in BUFFERED", filter: requestBody(.buffered),
        request: HTTPRequest("POST", body: String(repeating: "x", count: 2 << 20)), script: answering { _ in nil },
        seen: "413 request_payload_too_large"),
      Row(
        .bodies, "sends a body of 1 MB in one message in BUFFERED",
        filter: requestBody(.buffered), request: chunkedPost,
        script: answeringRequestBody(.requestBody { $0.replaceBody(String(repeating: "x", count: 1_000_000)) }),
        see: { "\($0.outcome), upstream gets \($0.upstream.last?.body.readableBytes ?? 0) bytes" },
        seen: "200, upstream gets 1000000 bytes"),
      Row(
        .bodies, "gets a request without a body in BUFFERED", filter: requestBody(.buffered),
        script: answering { _ in nil }, see: { "\($0.received.count(where: \.isRequestBody)) body messages" },
        seen: "0 body messages"),
      Row(
        .bodies, "gets a short body in STREAMED", filter: requestBody(.streamed), request: post,
        script: answering { _ in nil }, see: \.requestPieces, seen: "'hello'."),
      Row(
        .bodies, "gets a short chunked body in STREAMED", filter: requestBody(.streamed), request: chunkedPost,
        script: answering { _ in nil }, see: \.requestPieces, seen: "'hello'."),
      Row(
        .bodies, "replaces a response's body in BUFFERED, with the content-length of the old one",
        filter: responseBody(.buffered),
        script: answering { $0.isResponseBody ? [.responseBody { $0.replaceBody("changed!") }] : nil },
        see: \.clientBody,
        seen: "500 mismatch_between_content_length_and_the_length_of_the_mutated_body, client gets ''"),
      Row(
        .bodies, "answers headers when it has the body, with send_body_without_waiting_for_header_response",
        filter: withoutWaiting, request: post,
        script: { stream in
          _ = try await stream.next()
          _ = try await stream.next()
          try await stream.send(.requestHeaders { $0.set("x-new", "1") }, .requestBody { $0.replaceBody("changed!") })
          try await passRest(&stream)
        }, see: { "\($0.upstreamBody), \($0.upstreamHeader("x-new"))" },
        seen: "upstream gets 'changed!', upstream gets x-new: 1"),
      Row(
        .bodies, "answers the body before the headers, with send_body_without_waiting_for_header_response",
        filter: withoutWaiting, request: post,
        script: { stream in
          _ = try await stream.next()
          _ = try await stream.next()
          try await stream.send(.requestBody { $0.replaceBody("changed!") }, .requestHeaders())
          try await passRest(&stream)
        }, seen: "500 spurious_message"),
      Row(
        .bodies, "sends a reply of 64 KB where max_receive_message_length is 32 KB",
        filter: { callout in
          requestBody(.buffered)(&callout)
          callout.furtherJSON =
            #"{"grpc_service": {"envoy_grpc": {"cluster_name": "callout", "max_receive_message_length": 32768}}}"#
        }, request: chunkedPost,
        script: answeringRequestBody(.requestBody { $0.replaceBody(String(repeating: "x", count: 65_536)) }),
        see: { "\($0.outcome), upstream gets \($0.upstream.last?.body.readableBytes ?? 0) bytes" },
        seen: "500 ext_proc_error_gRPC_error_8, upstream gets 0 bytes"),
    ]

  private static let withoutWaiting: Filter = { callout in
    callout.processingMode.requestBodyMode = .streamed
    callout.furtherJSON = #"{"send_body_without_waiting_for_header_response": true}"#
  }

  private static func passRest(_ stream: inout ScriptedStream) async throws {
    while let message = try await stream.next() {
      if message.isRequestBody { try await stream.send(.requestBody()) }
      if case .responseHeaders = message.request { try await stream.send(.responseHeaders()) }
    }
  }
}

extension BodySendMode {
  var name: String {
    switch self {
    case .none: "NONE"
    case .streamed: "STREAMED"
    case .buffered: "BUFFERED"
    case .bufferedPartial: "BUFFERED_PARTIAL"
    case .fullDuplexStreamed: "FULL_DUPLEX_STREAMED"
    case .grpc: "GRPC"
    case .UNRECOGNIZED(let number): "\(number)"
    }
  }
}

extension Exchange {
  /// The pieces of the request's body as the server got them, with a dot where one ends the stream.
  var requestPieces: String {
    received.filter(\.isRequestBody).map {
      "'\(String(decoding: $0.requestBody.body, as: UTF8.self))'\($0.requestBody.endOfStream ? "." : "")"
    }.joined(separator: " ")
  }
}
