// SPDX-License-Identifier: Apache-2.0

// Says in the response that it was here, and whether the proxy sent dynamic metadata: the server of end-to-end tests.
//
// Envoy processing mode: request_header_mode: SKIP, response_header_mode: SEND, response_body_mode: BUFFERED. Envoy sends
// metadata of the namespaces that its filter lists in metadata_options.forwarding_namespaces.untyped.

import ExtProc

@main
final class MetadataServer: CalloutServer, @unchecked Sendable {
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    var mutation = HeaderMutation()
    let isFound = context.filterMetadata.values.contains { $0.fields["fr"]?.stringValue.isEmpty == false }
    if isFound { mutation.set("metadata", "found") }
    mutation.set("service-callout-response-intercept", "intercepted")
    for name in ["x-used-deltas-gfe3", "x-used-staging-gfe3", "x-ext-proc"] { mutation.set(name, "") }
    return .mutate(mutation)
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    .replace("e2e-test")
  }
}
