// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

/// Messages of the two protocols, to and from what the rules know of them.
enum DiscoveryMessages {
  typealias SotWRequest = Envoy_Service_Discovery_V3_DiscoveryRequest
  typealias DeltaRequest = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest

  /// A request, and the node where it names one. Throws INVALID_ARGUMENT for bytes that are none.
  static func request(
    _ bytes: ByteBuffer, _ speaks: DiscoveryProtocol
  ) throws(GRPCStatus) -> (DiscoveryRequest, node: Node?) {
    do {
      switch speaks {
      case .stateOfTheWorld: return request(try decode(SotWRequest.self, bytes))
      case .delta: return request(try decode(DeltaRequest.self, bytes))
      }
    } catch {
      throw GRPCStatus(.invalidArgument, "the bytes received are not a discovery request")
    }
  }

  /// Unknown fields are dropped: of a node, Envoy tells tens of kilobytes that nobody here needs.
  private static func decode<Request: Message>(_ type: Request.Type, _ bytes: ByteBuffer) throws -> Request {
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    return try Request(serializedBytes: Array(buffer: bytes), options: options)
  }

  static func request(_ message: SotWRequest) -> (DiscoveryRequest, node: Node?) {
    let request = DiscoveryRequest(
      ResourceType(typeURL: message.typeURL), nonce: message.responseNonce,
      error: message.hasErrorDetail ? message.errorDetail.message : nil,
      .all(message.resourceNames, version: message.versionInfo))
    return (request, message.hasNode ? message.node : nil)
  }

  private static func request(_ message: DeltaRequest) -> (DiscoveryRequest, node: Node?) {
    let request = DiscoveryRequest(
      ResourceType(typeURL: message.typeURL), nonce: message.responseNonce,
      error: message.hasErrorDetail ? message.errorDetail.message : nil,
      .change(
        subscribe: message.resourceNamesSubscribe, unsubscribe: message.resourceNamesUnsubscribe,
        initialVersions: message.initialResourceVersions))
    return (request, message.hasNode ? message.node : nil)
  }

  /// A response without its resources: as protobuf allows fields in any order, they follow, uncopied.
  static func head(_ response: DiscoveryResponse, _ speaks: DiscoveryProtocol, identifier: String) -> [UInt8] {
    var controlPlane = Envoy_Config_Core_V3_ControlPlane()
    controlPlane.identifier = identifier
    switch speaks {
    case .stateOfTheWorld:
      var message = Envoy_Service_Discovery_V3_DiscoveryResponse()
      message.versionInfo = response.version
      message.typeURL = response.type.typeURL
      message.nonce = response.nonce
      if !identifier.isEmpty { message.controlPlane = controlPlane }
      return encode(message)
    case .delta:
      var message = Envoy_Service_Discovery_V3_DeltaDiscoveryResponse()
      message.systemVersionInfo = response.version
      message.typeURL = response.type.typeURL
      message.nonce = response.nonce
      message.removedResources = response.removed
      if !identifier.isEmpty { message.controlPlane = controlPlane }
      return encode(message)
    }
  }

  /// Serializing fails only for proto2's required fields, of which there are none.
  private static func encode(_ message: some Message) -> [UInt8] { (try? message.serializedBytes()) ?? [] }
}
