// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import SwiftProtobuf

/// What becomes of a request.
///
/// Source: `envoy.service.auth.v3.CheckResponse`.
public struct CheckReply: Sendable {
  enum Form: Sendable {
    case allow
    case change(HeaderMutation, response: HeaderMutation, query: QueryMutation)
    case deny(ImmediateResponse, DenialCode)
    case error(status: Int?, HeaderMutation, body: String)
    case complete(CheckResponseMessage)
  }

  let form: Form
  var metadata: [String: Google_Protobuf_Value] = [:]

  /// The request passes as it is.
  public static let allow = CheckReply(form: .allow)

  /// The request passes with other headers, which the upstream sees.
  ///
  /// Envoy joins what is appended to a header with a comma. A header that the filter's `allowed_headers` keep from this
  /// server counts as missing here.
  ///
  /// - Parameters:
  ///   - responseHeaders: changes the headers of the upstream's response; Envoy cannot remove any.
  ///   - query: changes the query of the request's path.
  public static func allow(
    set: KeyValuePairs<String, String> = [:], append: KeyValuePairs<String, String> = [:], remove: [String] = [],
    responseHeaders: HeaderMutation = HeaderMutation(), query: QueryMutation = QueryMutation()
  ) -> CheckReply {
    allow(HeaderMutation(set: set, append: append, remove: remove), responseHeaders: responseHeaders, query: query)
  }

  /// The request passes with other headers.
  public static func allow(
    _ headers: HeaderMutation, responseHeaders: HeaderMutation = HeaderMutation(),
    query: QueryMutation = QueryMutation()
  ) -> CheckReply {
    if headers.isEmpty, responseHeaders.isEmpty, query.isEmpty { return .allow }
    return CheckReply(form: .change(headers, response: responseHeaders, query: query))
  }

  /// The request does not pass, and its client gets this answer, also where the filter has `failure_mode_allow`.
  ///
  /// - Parameters:
  ///   - status: 200 to 599.
  ///   - body: comes as `text/plain` where the headers say nothing else.
  public static func deny(
    status: Int = 403, headers: KeyValuePairs<String, String> = [:], body: String = "",
    code: DenialCode = .permissionDenied
  ) -> CheckReply {
    deny(ImmediateResponse(status: status, headers: headers, body: body), code: code)
  }

  /// The request does not pass, and its client gets this answer, such as `.unauthorized(challenge: "Bearer")`.
  ///
  /// Its body is text. Its `details` go to the proxy as the status's message, which Envoy does not look at.
  public static func deny(_ response: ImmediateResponse, code: DenialCode = .permissionDenied) -> CheckReply {
    CheckReply(form: .deny(response, code))
  }

  /// Nothing could be decided: the request passes where the filter has `failure_mode_allow`, and else its client gets
  /// this answer.
  ///
  /// Other than by an error that is thrown, the answer may have headers and a body. Envoy knows this since 1.37; 1.36
  /// denies the request with an empty 403, whatever its `failure_mode_allow`.
  ///
  /// - Parameter status: 200 to 599, or nil for the filter's `status_on_error`.
  public static func error(
    status: Int? = nil, headers: KeyValuePairs<String, String> = [:], body: String = ""
  ) -> CheckReply {
    CheckReply(form: .error(status: status, HeaderMutation(set: headers), body: body))
  }

  /// Answers with a complete message, for what the others do not offer.
  ///
  /// It needs a status: Envoy takes one that is missing for OK. With OK it must have no denied or error response,
  /// for the request would pass.
  public static func complete(_ message: CheckResponseMessage) -> CheckReply {
    CheckReply(form: .complete(message))
  }

  /// The same with dynamic metadata, which Envoy keeps under `envoy.filters.http.ext_authz`.
  public func settingMetadata(_ metadata: [String: Google_Protobuf_Value]) -> CheckReply {
    var reply = self
    reply.metadata.merge(metadata) { $1 }
    return reply
  }
}
