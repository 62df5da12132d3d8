// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import Foundation
import SwiftProtobuf

@testable import ExtProcTesting

typealias Request = Envoy_Service_Discovery_V3_DiscoveryRequest
typealias DeltaRequest = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest
typealias Response = Envoy_Service_Discovery_V3_DiscoveryResponse
typealias DeltaResponse = Envoy_Service_Discovery_V3_DeltaDiscoveryResponse
typealias Wrapped = Envoy_Service_Discovery_V3_Resource

extension Response {
  static func of(_ type: ResourceType, _ version: String, nonce: String? = nil, _ bodies: [[UInt8]]) -> Self {
    with {
      $0.typeURL = type.typeURL
      $0.versionInfo = version
      $0.nonce = nonce ?? "\(type) \(version)"
      $0.resources = bodies.map { .of(type, $0) }
    }
  }
}

extension DeltaResponse {
  static func delta(
    _ type: ResourceType, _ version: String, nonce: String? = nil, _ bodies: [[UInt8]] = [], removed: [String] = []
  ) -> Self {
    with {
      $0.typeURL = type.typeURL
      $0.systemVersionInfo = version
      $0.nonce = nonce ?? "\(type) \(version)"
      $0.removedResources = removed
      $0.resources = bodies.map { body in
        .with {
          $0.name = EnvoyResource.name(body)
          $0.version = version
          $0.resource = .of(type, body)
        }
      }
    }
  }
}

extension Google_Protobuf_Any {
  static func of(_ type: ResourceType, _ body: [UInt8]) -> Self {
    with {
      $0.typeURL = type.typeURL
      $0.value = Data(body)
    }
  }
}

extension EnvoyDiscoveryState {
  /// The requests since this was asked last, a line each, without the namespaces of types.
  mutating func said() -> [String] { takeRequests().map(\.line) }
}

extension EnvoyDiscoveryState.Request {
  var line: String {
    switch self {
    case .stateOfTheWorld(let request):
      let parts = [
        "\(type)", request.hasNode ? "node" : "", "\(request.resourceNames.joined(separator: ","))",
        request.responseNonce.isEmpty ? "" : "after(\(request.responseNonce))",
        request.versionInfo.isEmpty ? "" : "v\(request.versionInfo)",
        request.hasErrorDetail ? "refused" : "",
      ]
      return parts.filter { !$0.isEmpty }.joined(separator: " ")
    case .incremental(let request):
      let parts =
        ["\(type)", request.hasNode ? "node" : ""] + request.resourceNamesSubscribe.map { "+\($0)" }
        + request.resourceNamesUnsubscribe.map { "-\($0)" }
        + request.initialResourceVersions.sorted { $0.key < $1.key }.map { "\($0)=\($1)" } + [
          request.responseNonce.isEmpty ? "" : "after(\(request.responseNonce))",
          request.hasErrorDetail ? "refused" : "",
        ]
      return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }
  }
}
