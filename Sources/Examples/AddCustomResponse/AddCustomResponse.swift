// SPDX-License-Identifier: Apache-2.0

// Answers by what a part holds: refuses it with 403 where it has the header bad-header or the text bad-body, puts a
// mocked value in where it has the header mock or the text mock, and changes it otherwise.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, request_body_mode: BUFFERED,
// response_body_mode: BUFFERED.

import ExtProc

@main
final class AddCustomResponse: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try mocked(headers) ?? .mutate(set: ["header-request": "request"], remove: ["foo"], clearRouteCache: true)
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    try mocked(headers) ?? .mutate(set: ["header-response": "response"])
  }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    try mocked(body) ?? .replace("replaced-body")
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    try mocked(body) ?? .continue
  }

  private func mocked(_ headers: HTTPHeaders) throws -> HeadersReply? {
    if headers.contains("bad-header") { throw Denial("Callout DENIED.") }
    return headers.contains("mock") ? .mutate(set: ["Mock-Response": "Mocked-Value"]) : nil
  }

  private func mocked(_ body: HTTPBody) throws -> BodyReply? {
    if body.contains("bad-body") { throw Denial("Callout DENIED.") }
    return body.contains("mock") ? .replace("Mocked-Body") : nil
  }
}
