// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
public import ExtAuthz
public import SwiftProtobuf

/// What became of an HTTP exchange that went through an `AuthorizationFilter`.
public struct AuthorizationExchange: Sendable {
  /// What reached the upstream, or nil where the request was denied.
  public internal(set) var upstreamRequest: HTTPRequest?
  /// What reached the client.
  public internal(set) var response = HTTPResponse()
  /// Where the response came from: `via_upstream`, `ext_authz_denied` or `ext_authz_error`.
  ///
  /// Source: `%RESPONSE_CODE_DETAILS%` of Envoy's access logs.
  public internal(set) var responseCodeDetails = "via_upstream"
  /// The dynamic metadata that the server set, under `envoy.filters.http.ext_authz`.
  public internal(set) var dynamicMetadata: [String: Google_Protobuf_Value] = [:]
  /// What Envoy sent.
  public internal(set) var request: CheckRequestMessage?
  /// What the server replied.
  public internal(set) var reply: CheckResponseMessage?
  /// What Envoy ignored without a word, each a sentence that says why.
  public internal(set) var warnings: [String] = []
  /// The failure in spite of which the request passed, because `failureModeAllow` is set.
  public internal(set) var allowedFailure: ExchangeFailure?
}
