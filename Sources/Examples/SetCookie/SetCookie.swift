// SPDX-License-Identifier: Apache-2.0

// Sets a cookie where the response has a header cookie-check with a value.
//
// Envoy processing mode: request_header_mode: SKIP, response_header_mode: SEND.

import ExtProc

@main
final class SetCookieCallout: CalloutServer, @unchecked Sendable {
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    guard let check = headers["cookie-check"], !check.isEmpty else { return .continue }
    var mutation = HeaderMutation()
    try mutation.setCookie(SetCookie("your_cookie_name", "cookie_value", maxAge: 3600, path: "/"))
    return .mutate(mutation)
  }
}
