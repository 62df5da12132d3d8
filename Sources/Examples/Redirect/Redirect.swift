// SPDX-License-Identifier: Apache-2.0

// Sends every client elsewhere; no request reaches the upstream.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SKIP.

import ExtProc

@main
final class Redirect: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .immediate(.redirect(to: "http://service-extensions.com/redirect", status: 301))
  }
}
