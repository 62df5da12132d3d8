// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
public import XDS

/// How an Envoy asks for its configuration, as its bootstrap would say it.
///
/// A resource's body may be anything, but that in the State of the World variant its first field is its name, as in all
/// of Envoy's messages.
public struct DiscoveryConfiguration: Sendable {
  public enum Variant: Sendable, CaseIterable { case stateOfTheWorld, incremental }

  public enum Streams: Sendable {
    /// One for all types, the Aggregated Discovery Service.
    case aggregated
    /// One for each type, of the type's own service; Envoy has one for each name of some types, which tells the same.
    case separate
  }

  public var variant: Variant
  public var streams = Streams.aggregated
  /// What is sent with the first request of a stream.
  public var node: Envoy_Config_Core_V3_Node
  /// Asks for all clusters and listeners by the name `*`, where Envoy sends no name at all.
  public var namesWildcard = false
  /// Asks for clusters first and for listeners once these are warm, as Envoy does; otherwise a test asks.
  public var asksByItself = true
  /// The time after which Envoy goes on without a resource, its `initial_fetch_timeout`.
  public var initialFetchTimeout: Duration = .seconds(15)
  /// Says why a response with this resource is refused; nil where it is not.
  public var refuses: @Sendable (_ resource: ResourceReference, _ body: [UInt8]) -> String? = { _, _ in nil }
  /// The resources that this one makes Envoy ask for: by default, what the fields of Envoy's own messages say.
  public var dependencies: @Sendable (_ resource: ResourceReference, _ body: [UInt8]) -> [ResourceReference] = {
    EnvoyResource.dependencies(of: $0.type, $1)
  }

  public init(_ variant: Variant, nodeID: String = "test") {
    self.variant = variant
    node = Envoy_Config_Core_V3_Node()
    node.id = nodeID
    node.cluster = "test"
    node.userAgentName = "envoy"
  }
}
