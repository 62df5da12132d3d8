// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Row {
  private static func immediate(
    _ rule: String, filter: @escaping Filter = { _ in }, see: @escaping @Sendable (Exchange) -> String = \.outcome,
    seen expected: String, _ reply: ProcessingResponseMessage
  ) -> Row {
    Row(.immediate, rule, filter: filter, script: answeringRequestHeaders(reply), see: see, seen: expected)
  }

  static let immediate: [Row] = [
    immediate(
      "answers request headers with 403 and a body", see: \.clientBody, seen: "403, client gets 'no'",
      .immediate(403, body: "no")),
    immediate("gives details", seen: "403 why_not", .immediate(403, details: "why_not")),
    immediate("gives details with a space", seen: "403 why_not", .immediate(403, details: "why not")),
    immediate("leaves the status out", seen: "200", .immediate(nil)),
    immediate("answers with the status 0", seen: "200", .immediate(0)),
    immediate("answers with the status 199", seen: "200", .immediate(199)),
    immediate("answers with the status 600", seen: "600", .immediate(600)),
    immediate(
      "sets a header", see: { "\($0.outcome), x-new: \($0.response?.fields["x-new"] ?? "none")" },
      seen: "403, x-new: 1",
      .immediate(403) {
        $0.headers.setHeaders = [.with { $0.header = .with { ($0.key, $0.rawValue) = ("x-new", Data("1".utf8)) } }]
      }),
    immediate(
      "sets a header with an invalid value", seen: "403",
      .immediate(403) {
        $0.headers.setHeaders = [.with { $0.header = .with { ($0.key, $0.rawValue) = ("x-new", Data("a\n".utf8)) } }]
      }),
    immediate(
      "sets content-type",
      see: { "content-type: \($0.response?.fields.values(of: "content-type").joined(separator: " and ") ?? "")" },
      seen: "content-type: application/json",
      .immediate(403, body: "{}") {
        $0.headers.setHeaders = [
          .with { $0.header = .with { ($0.key, $0.rawValue) = ("content-type", Data("application/json".utf8)) } }
        ]
      }),
    immediate("answers where failures are allowed", filter: allowingFailures, seen: "403", .immediate(403)),
    immediate(
      "answers where disable_immediate_response is set",
      filter: { $0.furtherJSON = #"{"disable_immediate_response": true}"# },
      seen: "500 unhandled_immediate_response_due_to_config_disabled_it", .immediate(403)),
    Row(
      .immediate, "gives a gRPC status to a gRPC client",
      request: HTTPRequest("POST", fields: ["content-type": "application/grpc"], body: "hello"),
      script: answeringRequestHeaders(.immediate(403) { $0.grpcStatus.status = 16 }),
      see: { "\($0.response?.status ?? 0), grpc-status: \($0.response?.fields["grpc-status"] ?? "none")" },
      seen: "200, grpc-status: 16"),
    Row(
      .immediate, "answers a buffered body", filter: requestBody(.buffered), request: post,
      script: answeringRequestBody(.immediate(403)), seen: "403"),
    Row(
      .immediate, "answers a streamed piece", filter: requestBody(.streamed), request: post,
      script: answeringRequestBody(.immediate(403)), seen: "403"),
    Row(
      .immediate, "answers a full duplex piece", filter: requestBody(.fullDuplexStreamed), request: post,
      script: answeringRequestBody(.immediate(403)), seen: "403"),
    Row(.immediate, "answers response headers", script: answeringResponseHeaders(.immediate(503)), seen: "503"),
    Row(
      .immediate, "answers a buffered response body", filter: responseBody(.buffered),
      script: answering { $0.isResponseBody ? [.immediate(503)] : nil }, seen: "503"),
    Row(
      .immediate, "answers a streamed response body, whose headers have gone", filter: responseBody(.streamed),
      script: answering { $0.isResponseBody ? [.immediate(503)] : nil }, seen: "503"),
    Row(
      .immediate, "answers and goes on", script: answeringRequestHeaders(.immediate(403), .requestHeaders()),
      seen: "403"),
  ]

  // MARK: Streamed

  private static let start = ProcessingResponseMessage.streamed {
    $0.headersResponse.headers = .init([":status": "201", "x-from": "server"])
  }
  private static func part(_ text: String, end: Bool = false) -> ProcessingResponseMessage {
    .streamed {
      $0.bodyResponse.body = Data(text.utf8)
      $0.bodyResponse.endOfStream = end
    }
  }

  /// Envoy knows them since 1.37.
  private static func streamed(
    _ rule: String, filter: @escaping Filter = { _ in }, request: HTTPRequest = HTTPRequest(),
    see: @escaping @Sendable (Exchange) -> String = \.clientBody, seen expected: String,
    _ replies: ProcessingResponseMessage...
  ) -> Row {
    Row(
      .streamed, rule, filter: filter, request: request,
      script: { stream in
        _ = try await stream.next()
        for reply in replies { try await stream.send(reply) }
        try await stream.wait()
      }, see: { $0.response?.status == 201 ? see($0) : $0.outcome }, seen: expected,
      older: beforeVersion137("500 unhandled_message"))
  }

  static let streamed: [Row] = [
    streamed(
      "sends headers that end the stream", seen: "201, client gets ''",
      start.and { $0.streamedImmediateResponse.headersResponse.endOfStream = true }),
    streamed(
      "sends headers, pieces and the end", seen: "201, client gets 'ab'", start, part("a"), part("b"),
      part("", end: true)),
    streamed(
      "sends headers, a piece and trailers",
      see: { "\($0.clientBody), x-last: \($0.response?.trailers["x-last"] ?? "none")" },
      seen: "201, client gets 'a', x-last: 1",
      start, part("a"), .streamed { $0.trailersResponse = .init(["x-last": "1"]) }),
    streamed(
      "leaves :status out", see: \.outcome, seen: "502 filter_removed_required_response_headers",
      .streamed { $0.headersResponse.headers = .init(["x-from": "server"]) }),
    streamed(
      "sends a piece before headers", see: \.outcome, seen: "500 local_response_body_received_before_headers",
      part("a", end: true)),
    streamed(
      "sends trailers before headers", see: \.outcome, seen: "500 local_response_trailers_received_before_headers",
      .streamed { $0.trailersResponse = .init(["x-last": "1"]) }),
    streamed(
      "answers otherwise after the headers", see: \.outcome, seen: "connection closed", start, .requestHeaders()),
    streamed(
      "streams where the body mode is STREAMED", filter: requestBody(.streamed), request: post, see: \.outcome,
      seen: "500 streaming_local_response_body_is_only_supported_in_NONE_or_FULL_DUPLEX_STREAMED_modes",
      start, part("a", end: true)),
    streamed(
      "streams where the body mode is BUFFERED", filter: requestBody(.buffered), request: post, see: \.outcome,
      seen: "500 streaming_local_response_body_is_only_supported_in_NONE_or_FULL_DUPLEX_STREAMED_modes",
      start, part("a", end: true)),
    streamed(
      "streams where the body mode is FULL_DUPLEX_STREAMED", filter: requestBody(.fullDuplexStreamed), request: post,
      seen: "201, client gets 'a'", start, part("a", end: true)),
    Row(
      .streamed, "streams in answer to response headers", script: answeringResponseHeaders(start, part("a", end: true)),
      seen: "500 spurious_message", older: beforeVersion137("500 unhandled_message")),
  ]
}
