// SPDX-License-Identifier: Apache-2.0

// Tells the upstream, in the header client-device-type, which kind of device the host's name is for: m.example.com and
// names below it are mobile, t.example.com is tablet, all others are desktop.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SKIP.

import ExtProc

@main
final class NormalizeHeader: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    guard let authority = headers.authority else { return .continue }
    return .mutate(set: ["client-device-type": deviceType(of: authority)], clearRouteCache: true)
  }

  private func deviceType(of authority: String) -> String {
    let host = "." + authority.lowercased().prefix { $0 != ":" }
    if host.hasSuffix(".m.example.com") { return "mobile" }
    if host.hasSuffix(".t.example.com") { return "tablet" }
    return "desktop"
  }
}
