// SPDX-License-Identifier: Apache-2.0

// Denies requests of clients in 10.0.0.0/24 with 403, and tells the others' upstream, in the header x-client-ip-allowed,
// that it has looked.
//
// The client is the first address in the request's x-forwarded-for, its name in any case: no address, or none that can
// be read, is denied too. Only what stands before this server can make that address one to be trusted. Envoy with
// use_remote_address puts its client's address at the end of what the client wrote, so that one at the edge has to remove
// the client's own x-forwarded-for first; or take `request.source.address` here, which no client can write.
//
// Envoy filter: envoy.filters.http.ext_authz with a grpc_service. With encode_raw_headers the bytes that are no text are
// seen as they came, else as "!".

import ExtAuthz

@main
final class BlockIP: AuthorizationServer, @unchecked Sendable {
  private static let header = "x-client-ip-allowed"
  private let blocked = AddressBlock(10, 0, 0, 0, prefix: 24)

  override func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply {
    guard let forwarded = String(validating: request.headers.bytes(of: "x-forwarded-for") ?? [], as: UTF8.self) else {
      context.logger.error("Request denied: x-forwarded-for is no UTF-8")
      return deny(500)
    }
    guard let client = firstItem(of: forwarded) else {
      context.logger.info("Request denied: could not extract client IP")
      return deny(403)
    }
    guard let address = IPAddress(client) else {
      context.logger.info("Request denied: invalid IP address: \(client)")
      return deny(403)
    }
    guard !blocked.contains(address) else {
      context.logger.info("Request denied for blocked IP: \(client)")
      return deny(403)
    }
    context.logger.info("Request allowed for IP: \(client)")
    return .allow(set: [Self.header: "true"])
  }

  private func deny(_ status: Int) -> CheckReply { .deny(status: status, headers: [Self.header: "false"]) }

  /// The text before the first comma, without spaces and tabs around it, or nil where that is nothing.
  private func firstItem(of list: String) -> String? {
    let space: Set<UInt8> = [UInt8(ascii: " "), UInt8(ascii: "\t")]
    let item = list.utf8.prefix { $0 != UInt8(ascii: ",") }.drop { space.contains($0) }
    let end = item.lastIndex { !space.contains($0) }
    return end.map { String(decoding: item[...$0], as: UTF8.self) }
  }
}
