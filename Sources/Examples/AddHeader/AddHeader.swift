// SPDX-License-Identifier: Apache-2.0

// Adds a header to the request and one to the response, from which it also removes one.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND.

import ExtProc

@main
final class AddHeader: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["header-request": "request"], clearRouteCache: true)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["header-response": "response"], remove: ["foo"])
  }
}
