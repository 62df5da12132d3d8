// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore

/// Has no opinion.
private final class Passing: CalloutServer, @unchecked Sendable {}

/// Answers what a row says.
private final class Given: CalloutServer, @unchecked Sendable {
  private var headers = HeadersReply.continue
  private var body = BodyReply.continue

  convenience init(headers: HeadersReply = .continue, body: BodyReply = .continue) {
    self.init()
    self.headers = headers
    self.body = body
  }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    self.headers
  }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply { self.body }
}

extension Row {
  private static let long = String(repeating: "0123456789abcdef", count: 20_000)
  private static let modes: [BodySendMode] = [.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed]

  static let framework: [Row] =
    modes.map { mode in
      Row(
        framework: "lets a body with trailers pass in \(mode.name)",
        filter: {
          requestBody(mode)(&$0)
          $0.processingMode.requestTrailerMode = .send
        }, request: HTTPRequest("POST", body: long, trailers: ["x-request": "1"]), callout: { Passing() },
        see: { exchange in
          guard exchange.response?.status == 200, let seen = exchange.upstream.last else { return exchange.outcome }
          return "upstream gets \(seen.body.readableBytes) bytes and x-request: \(seen.trailers["x-request"] ?? "none")"
        }, seen: "upstream gets 320000 bytes and x-request: 1")
    }
    + modes.dropFirst().map { mode in
      Row(
        framework: "replaces a body in \(mode.name)", filter: requestBody(mode), request: post,
        callout: { Given(body: .replace("changed!")) },
        see: {
          String(buffer: $0.upstream.last?.body ?? ByteBuffer()).hasPrefix("changed!")
            ? "upstream gets the new one" : $0.outcome
        },
        seen: "upstream gets the new one")
    } + [
      Row(
        framework: "sets content-length with a body that is buffered", filter: requestBody(.buffered), request: post,
        callout: { Given(body: .replace("changed!")) }, see: { $0.upstreamHeader("content-length") },
        seen: "upstream gets content-length: 8"),
      Row(
        framework: "clears a body that is buffered", filter: requestBody(.buffered), request: post,
        callout: { Given(body: .clear) }, see: { $0.upstreamHeader("content-length") },
        seen: "upstream gets content-length: 0"),
      Row(
        framework: "cuts a full duplex body of 1 MB", filter: requestBody(.fullDuplexStreamed), request: post,
        callout: { Given(body: .replace(String(repeating: "x", count: 1_000_000))) },
        see: {
          "\($0.outcome), upstream gets \(($0.upstream.last?.body.readableBytes ?? 0) >= 1_000_000 ? "all" : "less")"
        },
        seen: "200, upstream gets all"),
      Row(
        framework: "appends a value", request: HTTPRequest(fields: ["x-list": "a"]),
        callout: { Given(headers: .mutate(append: ["x-list": "b"])) }, see: { $0.upstreamHeader("x-list") },
        seen: "upstream gets x-list: a and b"),
      Row(
        framework: "overwrites a value", request: HTTPRequest(fields: ["x-list": "a"]),
        callout: { Given(headers: .mutate(set: ["x-list": "b"])) }, see: { $0.upstreamHeader("x-list") },
        seen: "upstream gets x-list: b"),
      Row(
        framework: "replaces a body in answer to headers", request: post,
        callout: { Given(headers: .replace(body: ByteBuffer(string: "changed!"))) }, see: \.upstreamBody,
        seen: "upstream gets 'changed!'"),
      Row(
        framework: "ends the stream for a reply that Envoy would refuse",
        callout: { Given(headers: .mutate(set: ["bad name": "1"])) },
        seen: "500 ext_proc_error_gRPC_error_13"),
      Row(
        framework: "answers nothing in observability mode", filter: { $0.observabilityMode = true },
        callout: { Given(headers: .mutate(set: ["x-new": "1"])) }, see: { $0.upstreamHeader("x-new") },
        seen: "upstream gets no x-new"),
    ]
}
