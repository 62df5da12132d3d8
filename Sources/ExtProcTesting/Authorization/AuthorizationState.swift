// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import ExtAuthz
internal import NIOCore
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// One exchange in an `AuthorizationFilter`: what its rules make of the server's reply. Does no I/O.
struct AuthorizationState {
  let filter: AuthorizationFilter
  private let request: HTTPRequest
  /// The request's headers as they will reach the upstream.
  var section: HTTPFields
  var responseChanges: [Envoy_Config_Core_V3_HeaderValueOption] = []
  var exchange = AuthorizationExchange()

  init(_ filter: AuthorizationFilter, _ request: HTTPRequest) {
    self.filter = filter
    self.request = request
    section = HTTPFields(section: request)
  }

  /// What the server is asked, or nil where Envoy answers by itself.
  mutating func question() -> CheckRequestMessage? {
    var fields = section
    var message = CheckRequestMessage.check()
    message.attributes.request.http = .mock(section)
    if let settings = filter.requestBody, request.body.readableBytes > 0 {
      let isPartial = request.body.readableBytes > settings.maxRequestBytes
      guard !isPartial || settings.allowPartialMessage else {
        answer(413, "request_payload_too_large", body: "Payload Too Large")
        return nil
      }
      fields.set("x-envoy-auth-partial-body", "\(isPartial)")
      message.attributes.request.http.size = Int64(request.body.readableBytes)
      let body = request.body.readableBytesView.prefix(settings.maxRequestBytes)
      if settings.packAsBytes {
        message.attributes.request.http.rawBody = Data(body)
      } else {
        message.attributes.request.http.body = Self.sanitized(body)
      }
    }
    if filter.encodeRawHeaders {
      message.attributes.request.http.headerMap = fields.message
    } else {
      message.attributes.request.http.headers = fields.joined
    }
    message.attributes.contextExtensions = filter.contextExtensions
    exchange.request = message
    return message
  }

  mutating func callFailed(_ status: GRPCStatus) throws(ExchangeFailure) {
    try fail(
      ExchangeFailure(
        filter.statusOnError, "ext_authz_error", canBeAllowed: true,
        "the call ended with \(status); deny a request with a reply, not with a status"))
  }

  mutating func fail(_ failure: ExchangeFailure) throws(ExchangeFailure) {
    guard failure.canBeAllowed, filter.failureModeAllow else { throw failure }
    exchange.allowedFailure = failure
    if filter.failureModeAllowHeaderAdd { section.set("x-envoy-auth-failure-mode-allowed", "true") }
    pass()
  }

  /// The request goes on to the upstream.
  mutating func pass() {
    exchange.upstreamRequest = HTTPRequest(
      section: section, body: request.body, hasBody: request.body.readableBytes > 0, trailers: request.trailers)
  }

  /// Envoy answers the client by itself.
  mutating func answer(_ status: Int, _ details: String, fields: HTTPFields = [:], body: String = "") {
    var fields = fields
    if body.isEmpty {
      fields.remove("content-type")
    } else if !fields.contains("content-type") {
      fields.add("content-type", "text/plain")
    }
    fields.set("content-length", "\(body.utf8.count)")
    exchange.response = HTTPResponse(status: status, fields: fields, body: body)
    exchange.responseCodeDetails = details
  }

  /// Bytes that are no UTF-8 become `!`.
  private static func sanitized(_ bytes: ByteBufferView) -> String {
    var text = ""
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): text.unicodeScalars.append(scalar)
      case .error: text.append("!")
      case .emptyInput: return text
      }
    }
  }
}
