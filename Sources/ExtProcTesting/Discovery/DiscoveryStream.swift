// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import EnvoyAPI
internal import SwiftProtobuf
public import XDS

/// A State of the World stream of discovery, message by message, for what no Envoy would send.
public typealias DiscoveryStream = MessageStream<
  Envoy_Service_Discovery_V3_DiscoveryRequest, Envoy_Service_Discovery_V3_DiscoveryResponse
>

/// The same in the incremental variant.
public typealias DeltaDiscoveryStream = MessageStream<
  Envoy_Service_Discovery_V3_DeltaDiscoveryRequest, Envoy_Service_Discovery_V3_DeltaDiscoveryResponse
>

extension GRPCChannel {
  /// Opens a stream of a type, or of all types.
  public func discoveryStream(_ type: ResourceType? = nil) async throws -> DiscoveryStream {
    DiscoveryStream(call: try await call(discovery: type, .stateOfTheWorld))
  }

  /// Opens an incremental stream of a type, or of all types.
  public func deltaDiscoveryStream(_ type: ResourceType? = nil) async throws -> DeltaDiscoveryStream {
    DeltaDiscoveryStream(call: try await call(discovery: type, .incremental))
  }

  private func call(discovery type: ResourceType?, _ variant: DiscoveryConfiguration.Variant) async throws -> GRPCCall {
    guard let path = DiscoveryMethod.path(type, variant) else {
      throw GRPCStatus(.unimplemented, "there is no service for \(type?.typeURL ?? "all types")")
    }
    return try await call(path)
  }
}

/// A response of a discovery service in either variant.
public protocol DiscoveryResponseMessage: Sendable {
  var typeURL: String { get }
}

extension Envoy_Service_Discovery_V3_DiscoveryResponse: DiscoveryResponseMessage {}
extension Envoy_Service_Discovery_V3_DeltaDiscoveryResponse: DiscoveryResponseMessage {}

extension MessageStream where Response: DiscoveryResponseMessage {
  /// The next response; throws where the stream ends, or where it is of another type.
  public func next(_ type: ResourceType) async throws -> Response {
    guard let response = try await next() else { throw GRPCStatus(.ok, "the stream ended without a response") }
    guard response.typeURL == type.typeURL else {
      throw UnexpectedResponse(description: "a response of \(type) was expected, and this came: \(response)")
    }
    return response
  }

  /// Expects that the server has nothing more to say, since it answers this request before anything else.
  ///
  /// No time is waited for: messages of a stream come in order, and the server takes them one by one. The request is
  /// therefore one of a type that is answered at once, and not of a type that should be silent.
  ///
  /// - Returns: the answer to the request.
  @discardableResult
  public func expectSilence(before request: Request, of type: ResourceType) async throws -> Response {
    try await send(request)
    return try await next(type)
  }
}

/// A response came where another was due.
public struct UnexpectedResponse: Error, CustomStringConvertible {
  public let description: String
}

extension Envoy_Service_Discovery_V3_DiscoveryRequest {
  /// A request for resources by name, or for all where there are none.
  public static func asking(for names: [String] = [], of type: ResourceType, nodeID: String = "test") -> Self {
    with {
      $0.typeURL = type.typeURL
      $0.node.id = nodeID
      $0.resourceNames = names
    }
  }

  /// The answer to a response: that it is accepted, or why not.
  public static func answering(
    _ response: Envoy_Service_Discovery_V3_DiscoveryResponse, for names: [String] = [], refusing reason: String? = nil,
    keeping version: String = ""
  ) -> Self {
    with {
      $0.typeURL = response.typeURL
      $0.responseNonce = response.nonce
      $0.resourceNames = names
      $0.versionInfo = reason == nil ? response.versionInfo : version
      if let reason { $0.errorDetail = .refusal(reason) }
    }
  }
}

extension Envoy_Service_Discovery_V3_DeltaDiscoveryRequest {
  /// A request for resources by name, or for all where there are none.
  public static func asking(
    for names: [String] = [], notFor others: [String] = [], of type: ResourceType,
    holding versions: [String: String] = [:],
    nodeID: String = "test"
  ) -> Self {
    with {
      $0.typeURL = type.typeURL
      $0.node.id = nodeID
      $0.resourceNamesSubscribe = names
      $0.resourceNamesUnsubscribe = others
      $0.initialResourceVersions = versions
    }
  }

  /// The answer to a response: that it is accepted, or why not.
  public static func answering(
    _ response: Envoy_Service_Discovery_V3_DeltaDiscoveryResponse, refusing reason: String? = nil
  ) -> Self {
    with {
      $0.typeURL = response.typeURL
      $0.responseNonce = response.nonce
      if let reason { $0.errorDetail = .refusal(reason) }
    }
  }
}
