// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Row {
  private static let unknownMessage = ProcessingResponseMessage.with {
    // Field 99, a message of a kind that is not there yet.
    try? $0.merge(serializedBytes: [0x9a, 0x06, 0x00])
  }

  /// Ends the stream in answer to the first message that `isMeant`.
  private static func ending(
    with status: GRPCStatus?, at isMeant: @escaping @Sendable (ProcessingRequestMessage) -> Bool
  ) -> Script {
    { stream in
      while let message = try await stream.next() {
        if isMeant(message) {
          if let status { throw status }
          return
        }
        try await stream.send(message.isRequestHeaders ? .requestHeaders() : .responseHeaders())
      }
    }
  }

  private static let silence: Script = { try await $0.wait() }
  private static let quickly: Filter = { $0.messageTimeout = .milliseconds(200) }

  static let replies: [Row] = [
    Row(.replies, "answers nothing in particular to headers", script: answering { _ in nil }, seen: "200"),
    Row(
      .replies, "sends a message with nothing in it", script: answeringRequestHeaders(.init()),
      seen: "500 unhandled_message"),
    Row(
      .replies, "sends a message of an unknown kind", script: answeringRequestHeaders(unknownMessage),
      seen: "500 unhandled_message"),
    Row(
      .replies, "answers request headers as if they were response headers",
      script: answeringRequestHeaders(.responseHeaders()), seen: "500 spurious_message"),
    Row(
      .replies, "answers request headers as if they were trailers",
      script: answeringRequestHeaders(.with { $0.requestTrailers = .init() }), seen: "500 spurious_message"),
    Row(
      .replies, "answers request headers as if they were a body", script: answeringRequestHeaders(.requestBody()),
      seen: "500 spurious_message"),
    Row(
      .replies, "answers a body as if it were headers", filter: requestBody(.buffered), request: post,
      script: answeringRequestBody(.requestHeaders()), seen: "500 spurious_message"),
    Row(
      .replies, "answers the same headers twice, with response headers to come",
      script: answeringRequestHeaders(.requestHeaders(), .requestHeaders()), seen: "500 spurious_message"),
    Row(
      .replies, "answers the same headers twice, with nothing to come",
      filter: { $0.processingMode.responseHeaderMode = .skip },
      script: answeringRequestHeaders(.requestHeaders(), .requestHeaders()), seen: "200",
      older: beforeVersion137("500 spurious_message")),
    Row(
      .replies, "does not answer request headers in time", filter: quickly, script: silence,
      seen: "504 ext_proc_error_per-message_timeout_exceeded"),
    Row(
      .replies, "does not answer response headers in time", filter: quickly,
      script: answering { $0.isResponseHeaders ? [] : nil }, seen: "504 ext_proc_error_per-message_timeout_exceeded"),
    Row(
      .replies, "does not answer a body in time",
      filter: {
        quickly(&$0)
        $0.processingMode.requestBodyMode = .buffered
      }, request: post, script: answering { $0.isRequestBody ? [] : nil },
      seen: "504 ext_proc_error_per-message_timeout_exceeded"),
    Row(
      .replies, "does not answer in time, with failures allowed",
      filter: {
        quickly(&$0)
        $0.failureModeAllow = true
      }, script: silence, seen: "200"),
    Row(
      .replies, "ends the stream with an error", script: ending(with: GRPCStatus(.internal, "why")) { _ in true },
      seen: "500 ext_proc_error_gRPC_error_13"),
    Row(
      .replies, "ends the stream with an error, with failures allowed", filter: allowingFailures,
      script: ending(with: GRPCStatus(.internal, "why")) { _ in true }, seen: "200"),
    Row(
      .replies, "ends the stream with PERMISSION_DENIED, with failures allowed", filter: allowingFailures,
      script: ending(with: GRPCStatus(.permissionDenied, "no")) { _ in true }, seen: "200"),
    Row(
      .replies, "ends the stream with an error where status_on_error is 503",
      filter: { $0.furtherJSON = #"{"status_on_error": {"code": 503}}"# },
      script: ending(with: GRPCStatus(.internal, "why")) { _ in true }, seen: "503 ext_proc_error_gRPC_error_13"),
    Row(.replies, "ends the stream with OK before it answers", script: ending(with: nil) { _ in true }, seen: "200"),
    Row(
      .replies, "ends the stream with OK at response headers",
      script: ending(with: nil, at: \.isResponseHeaders), seen: "200"),
    Row(
      .replies, "ends the stream with an error at response headers",
      script: ending(with: GRPCStatus(.internal, "why"), at: \.isResponseHeaders),
      seen: "500 ext_proc_error_gRPC_error_13"),
    Row(
      .replies, "ends the stream with OK in the middle of a streamed body", filter: requestBody(.streamed),
      request: post, script: ending(with: nil, at: \.isRequestBody), see: \.upstreamBody, seen: "upstream gets 'hello'"),
    Row(
      .replies, "ends the stream with OK at a buffered body", filter: requestBody(.buffered), request: post,
      script: ending(with: nil, at: \.isRequestBody), see: \.upstreamBody, seen: "upstream gets 'hello'"),
    Row(
      .replies, "sends a message with nothing in it, with failures allowed", filter: allowingFailures,
      script: answeringRequestHeaders(.init()), seen: "200"),
    Row(
      .replies, "answers another phase than was asked, with failures allowed", filter: allowingFailures,
      script: answeringRequestHeaders(.responseHeaders()), seen: "200"),
    Row(
      .replies, "answers in observability mode", filter: { $0.observabilityMode = true },
      script: answeringRequestHeaders(.requestHeaders { $0.set("x-added", "1") }),
      see: { $0.upstreamHeader("x-added") }, seen: "upstream gets no x-added"),
    Row(
      .replies, "answers nothing in observability mode", filter: { $0.observabilityMode = true },
      script: answering { _ in [] }, seen: "200"),
  ]
}
