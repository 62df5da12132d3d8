// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
internal import SwiftProtobuf

/// A change of what the proxy sends about an exchange; what is nil stays as it is.
///
/// Envoy takes a body mode that is unset for NONE: here the mode in force is filled in.
/// Source: `envoy.extensions.filters.http.ext_proc.v3.ProcessingMode`.
public struct ModeOverride: Sendable, Hashable {
  public typealias Sending = ProcessingMode.HeaderSendMode

  public var responseHeaders: Sending?
  public var requestBody: BodySendMode?
  public var responseBody: BodySendMode?
  public var requestTrailers: Sending?
  public var responseTrailers: Sending?

  public init(
    responseHeaders: Sending? = nil, requestBody: BodySendMode? = nil, responseBody: BodySendMode? = nil,
    requestTrailers: Sending? = nil, responseTrailers: Sending? = nil
  ) {
    self.responseHeaders = responseHeaders
    self.requestBody = requestBody
    self.responseBody = responseBody
    self.requestTrailers = requestTrailers
    self.responseTrailers = responseTrailers
  }

  /// The override as Envoy reads it, given the body modes in force.
  func message(requestBody request: BodySendMode, responseBody response: BodySendMode) -> ProcessingMode {
    .with {
      $0.responseHeaderMode = responseHeaders ?? .default
      $0.requestBodyMode = requestBody ?? request
      $0.responseBodyMode = responseBody ?? response
      $0.requestTrailerMode = requestTrailers ?? .default
      $0.responseTrailerMode = responseTrailers ?? .default
    }
  }
}
