// SPDX-License-Identifier: Apache-2.0

// Has a Google Cloud load balancer forward a request to the endpoint that its header ip-to-return names, if that is one
// of those known here, or else to a default.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SKIP. Envoy takes the metadata where its
// filter lists com.google.envoy.dynamic_forwarding.selected_endpoints in metadata_options.receiving_namespaces.untyped.

import ExtProc

@main
final class DynamicForwardingCallout: CalloutServer, @unchecked Sendable {
  private static let known: Set = ["10.1.10.2", "10.1.10.3"]
  private static let fallback = "10.1.10.4"

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    let wanted = headers["ip-to-return"] ?? ""
    let address = Self.known.contains(wanted) ? wanted : Self.fallback
    return .continue.forwarding(to: try DynamicForwarding(address: address, port: 80))
  }
}
