// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
public import SwiftProtobuf

/// The endpoint that a Google Cloud load balancer is to forward a request to.
///
///     return .continue.forwarding(to: try DynamicForwarding(address: "10.1.10.4", port: 80))
public struct DynamicForwarding: Sendable, Hashable {
  /// The address and port, an IPv6 address in brackets.
  public let endpoint: String

  /// The namespace of dynamic metadata that the load balancer reads.
  public static let namespace = "com.google.envoy.dynamic_forwarding.selected_endpoints"

  /// - Parameter address: an IPv4 or IPv6 address; throws a `CalloutError` where it is neither.
  public init(address: String, port: UInt16) throws(CalloutError) {
    guard let socket = try? SocketAddress(ipAddress: address, port: Int(port)), port > 0 else {
      throw .illegal("'\(address)' port \(port) is no endpoint: give an IPv4 or IPv6 address, and a port from 1 on")
    }
    let host = socket.ipAddress ?? address
    endpoint = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// What goes under the namespace.
  public var metadata: Google_Protobuf_Struct { ["primary": .init(stringValue: endpoint)] }
}

extension CalloutReply {
  /// The same reply with the endpoint that the load balancer is to forward to.
  public func forwarding(to endpoint: DynamicForwarding) -> Self {
    settingMetadata(endpoint.metadata, in: DynamicForwarding.namespace)
  }
}
