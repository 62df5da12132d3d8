// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

/// A client of the control plane, as it says itself: `envoy.config.core.v3.Node`.
public typealias Node = Envoy_Config_Core_V3_Node

/// Where streams get their configuration from.
public protocol DiscoveryCache: Sendable {
  /// The feed that has the resources of a type for a node, or nil where there never are any.
  ///
  /// Asked once for each type on a stream, on an event loop: it must not block.
  func feed(for node: Node, type: ResourceType) -> ConfigurationFeed?
}

/// Which nodes get the same configuration.
public struct NodeGroup: Sendable {
  let key: @Sendable (Node) -> String

  /// Nodes of which `key` is the same; it is asked on an event loop and must not block.
  public init(_ key: @escaping @Sendable (Node) -> String) { self.key = key }

  /// All nodes get the same, under the key "".
  public static let all = NodeGroup { _ in "" }
  /// Nodes of the same `cluster`.
  public static let byCluster = NodeGroup { $0.cluster }
  /// Each node by its `id`.
  public static let byID = NodeGroup { $0.id }
}
