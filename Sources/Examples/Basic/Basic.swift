// SPDX-License-Identifier: Apache-2.0

// Changes something in each part of an exchange: headers both ways, and both bodies.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, request_body_mode: BUFFERED,
// response_body_mode: BUFFERED. Envoy ignores the new :authority unless mutation_rules allow_all_routing is set.

import ExtProc

@main
final class Basic: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(
      set: [":authority": "service-extensions.com", ":path": "/", "header-request": "request"],
      remove: ["foo"], clearRouteCache: true)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["hello": "service-extensions"])
  }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace("replaced-body")
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .clear
  }
}
