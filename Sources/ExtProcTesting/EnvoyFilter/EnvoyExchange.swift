// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
public import SwiftProtobuf

/// What became of an HTTP exchange that went through an `EnvoyFilter`.
public struct EnvoyExchange: Sendable {
  /// What reached the upstream, or nil where the callout answered instead.
  public internal(set) var upstreamRequest: HTTPRequest?
  /// What reached the client.
  public internal(set) var response = HTTPResponse()
  /// Where the response came from: `via_upstream`, or the `details` of an immediate response.
  ///
  /// Source: `%RESPONSE_CODE_DETAILS%` of Envoy's access logs.
  public internal(set) var responseCodeDetails = "via_upstream"
  /// The dynamic metadata that the callout set and Envoy took, by namespace.
  public internal(set) var dynamicMetadata: [String: Google_Protobuf_Struct] = [:]
  /// The typed dynamic metadata that the callout set and Envoy took, by namespace.
  public internal(set) var typedDynamicMetadata: [String: Google_Protobuf_Any] = [:]
  /// Envoy looked for a route again.
  public internal(set) var routeCacheCleared = false
  /// What Envoy sent, in order.
  public internal(set) var requests: [ProcessingRequestMessage] = []
  /// What the callout replied while Envoy listened, in order.
  public internal(set) var replies: [ProcessingResponseMessage] = []
  /// What Envoy ignored without a word, each a sentence that says why: worth a look where a callout seems to do nothing.
  public internal(set) var warnings: [String] = []
  /// The failure in spite of which the exchange went on, because `failureModeAllow` is set.
  public internal(set) var allowedFailure: ExchangeFailure?
}
