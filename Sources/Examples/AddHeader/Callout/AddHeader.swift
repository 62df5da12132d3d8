// SPDX-License-Identifier: Apache-2.0

// Adds a header to the request and one to the response, from which it also removes one.
//
// Server/ serves it over ext_proc, and Module/ is it as a filter within Envoy.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND.

public import Callouts

public final class AddHeader: CalloutServer, @unchecked Sendable {
  override public func onRequestHeaders(
    _ headers: HTTPHeaders, context: CalloutContext
  ) async throws -> HeadersReply {
    .mutate(set: ["header-request": "request"], clearRouteCache: true)
  }

  override public func onResponseHeaders(
    _ headers: HTTPHeaders, context: CalloutContext
  ) async throws -> HeadersReply {
    .mutate(set: ["header-response": "response"], remove: ["foo"])
  }
}
