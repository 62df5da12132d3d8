// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf

extension Row {
  private static func duplex(
    _ rule: String, request: HTTPRequest = post, filter: @escaping Filter = { _ in },
    see: @escaping @Sendable (Exchange) -> String = \.upstreamBody, seen expected: String, _ script: @escaping Script
  ) -> Row {
    Row(
      .duplex, rule,
      filter: {
        requestBody(.fullDuplexStreamed)(&$0)
        filter(&$0)
      }, request: request, script: script, see: see, seen: expected)
  }

  /// Answers the pieces of a request's body with these replies, at the end of its body or where it begins.
  private static func piece(
    _ rule: String, at end: Bool = true, filter: @escaping Filter = { _ in },
    see: @escaping @Sendable (Exchange) -> String = \.upstreamBody, seen expected: String,
    _ replies: ProcessingResponseMessage...
  ) -> Row {
    duplex(
      rule, filter: filter, see: see, seen: expected,
      answering { message in
        guard message.isRequestBody else { return nil }
        return message.requestBody.endOfStream == end ? replies : []
      })
  }

  static let duplex: [Row] = [
    duplex("sends each piece back", seen: "upstream gets 'hello'", answering { _ in nil }),
    duplex(
      "gets a body", see: \.requestPieces, seen: "'hello' ''.", answering { _ in nil }),
    piece(
      "answers with a BodyResponse that has nothing in it", at: false, see: \.outcome, seen: "500 spurious_message",
      .requestBody()),
    piece(
      "answers with a plain body", at: false, see: \.outcome, seen: "500 spurious_message",
      .requestBody { $0.replaceBody("changed!") }),
    piece(
      "answers with clear_body", at: false, see: \.outcome, seen: "500 spurious_message",
      .requestBody { $0.bodyMutation.clearBody_p = true }),
    piece("sends three pieces for one", seen: "upstream gets 'abc'", .piece("a"), .piece("b"), .piece("c", end: true)),
    piece("sends one piece for all", seen: "upstream gets 'changed!'", .piece("changed!", end: true)),
    piece("drops everything and ends the stream", seen: "upstream gets ''", .piece("", end: true)),
    piece(
      "ends the stream before Envoy has", at: false, seen: "upstream gets 'changed!'", .piece("changed!", end: true)),
    piece(
      "sends more after it has ended the stream", see: \.outcome, seen: "500 spurious_message", .piece("a", end: true),
      .piece("b")),
    duplex(
      "answers headers only when the body has ended, then sends the body", seen: "upstream gets 'hello'",
      { stream in
        var body = Data()
        while let message = try await stream.next() {
          guard message.isRequestBody else { continue }
          body += message.requestBody.body
          guard message.requestBody.endOfStream else { continue }
          try await stream.send(
            .requestHeaders { $0.set("x-new", "1") }, .piece(String(decoding: body, as: UTF8.self), end: true))
          break
        }
        while let message = try await stream.next() {
          if message.isResponseHeaders { try await stream.send(.responseHeaders()) }
        }
      }),
    duplex(
      "sends the body before it answers headers", see: \.outcome, seen: "500 spurious_message",
      { stream in
        while let message = try await stream.next() {
          if message.isRequestBody { try await stream.send(.piece("a")) }
        }
      }),
    duplex(
      "answers headers after Envoy's default timeout of 0.2 s", filter: { $0.messageTimeout = .milliseconds(200) },
      see: \.outcome, seen: "200",
      { stream in
        while let message = try await stream.next() {
          if message.isRequestHeaders {
            try await Task.sleep(for: .milliseconds(600))
            try await stream.send(.requestHeaders())
          } else if message.isRequestBody {
            try await stream.send(
              .piece(
                String(decoding: message.requestBody.body, as: UTF8.self), end: message.requestBody.endOfStream))
          } else {
            try await stream.send(.responseHeaders())
          }
        }
      }),
    duplex(
      "ends the stream with OK in the middle of the body", see: \.outcome, seen: "200",
      { stream in
        while let message = try await stream.next() {
          if message.isRequestBody { return }
          try await stream.send(.requestHeaders())
        }
      }),
    duplex(
      "ends the stream with an error in the middle of the body, with failures allowed", filter: allowingFailures,
      see: \.outcome, seen: "500 ext_proc_error_gRPC_error_1",
      { stream in
        while let message = try await stream.next() {
          if message.isRequestBody { throw CancellationError() }
          try await stream.send(.requestHeaders())
        }
      }),
    piece(
      "sends a piece of 60 KB",
      see: { "\($0.outcome), upstream gets \($0.upstream.last?.body.readableBytes ?? 0) bytes" },
      seen: "200, upstream gets 60000 bytes", .piece(String(repeating: "x", count: 60_000), end: true)),
    piece(
      "sends a piece of 1 MB",
      see: { "\($0.outcome), upstream gets \($0.upstream.last?.body.readableBytes ?? 0) bytes" },
      seen: "200, upstream gets 1000000 bytes", .piece(String(repeating: "x", count: 1_000_000), end: true)),
    duplex(
      "asks Envoy to drain with request_drain", see: { "\($0.outcome) \($0.requestPieces)" }, seen: "200 'hello' ''.",
      answering { message in
        message.isRequestHeaders ? [ProcessingResponseMessage.requestHeaders().and { $0.requestDrain = true }] : nil
      }),
    duplex(
      "sends a server_window_update that nobody asked for", see: \.outcome, seen: "500 unhandled_message",
      answering { message in
        message.isRequestHeaders
          ? [.with { $0.serverWindowUpdate.windowIncrementDownstreamToSidestream = 1 }, .requestHeaders()] : nil
      }),
  ]
}
