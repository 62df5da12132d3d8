// SPDX-License-Identifier: Apache-2.0

// Sets a header of the request and one of the response, replacing what values they have.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND.

import ExtProc

@main
final class UpdateHeader: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["header-request": "request-new-value"], clearRouteCache: true)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["header-response": "response-new-value"])
  }
}
