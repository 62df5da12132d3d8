// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import EnvoyAPI
import SwiftProtobuf
import XDS

extension Load.Variant {
  /// A request for all clusters; the first of a stream, which has the node, where there is no nonce.
  func request(nonce: String, version: String, node: String) throws -> [UInt8] {
    switch self {
    case .delta:
      try Envoy_Service_Discovery_V3_DeltaDiscoveryRequest.with {
        $0.typeURL = ResourceType.cluster.typeURL
        $0.responseNonce = nonce
        if nonce.isEmpty { $0.node.id = node }
      }.serializedBytes()
    case .sotw:
      try Envoy_Service_Discovery_V3_DiscoveryRequest.with {
        $0.typeURL = ResourceType.cluster.typeURL
        $0.responseNonce = nonce
        $0.versionInfo = version
        if nonce.isEmpty { $0.node.id = node }
      }.serializedBytes()
    }
  }

  /// What a stream begins with.
  var fields: HeaderFields { self == .delta ? Self.deltaFields : Self.sotwFields }

  private static let deltaFields = fields("DeltaAggregatedResources")
  private static let sotwFields = fields("StreamAggregatedResources")

  private static func fields(_ method: String) -> HeaderFields {
    [
      ":method": "POST", ":scheme": "http",
      ":path": "/envoy.service.discovery.v3.AggregatedDiscoveryService/\(method)", ":authority": "xds-bench",
      "te": "trailers", "content-type": "application/grpc", "user-agent": "xds-bench",
    ]
  }
}
