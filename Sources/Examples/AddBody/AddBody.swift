// SPDX-License-Identifier: Apache-2.0

// Adds a text to the request's body, and replaces the response's.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, request_body_mode: BUFFERED,
// response_body_mode: BUFFERED. Content-length is set to what the bodies then have.

import ExtProc

@main
final class AddBody: CalloutServer, @unchecked Sendable {
  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace(body.appending("-added-request-body"))
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace("new-body")
  }
}
