// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import XDS

/// The bodies of the resources in a response's fields, read by the generated code.
func decodeResources(_ body: ByteBuffer, _ speaks: DiscoveryProtocol) -> [[UInt8]] {
  let bytes = Array(body.readableBytesView)
  switch speaks {
  case .stateOfTheWorld:
    let message = try? Envoy_Service_Discovery_V3_DiscoveryResponse(serializedBytes: bytes)
    return message?.resources.map { Array($0.value) } ?? []
  case .delta:
    let message = try? Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(serializedBytes: bytes)
    return message?.resources.map { Array($0.resource.value) } ?? []
  }
}
