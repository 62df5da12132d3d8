// SPDX-License-Identifier: Apache-2.0

/// A type of resource, by its type URL.
public struct ResourceType: Hashable, Sendable, CustomStringConvertible {
  /// Such as `type.googleapis.com/envoy.config.cluster.v3.Cluster`.
  public let typeURL: String

  /// Any type, Envoy's or another; a client may ask for types that nobody here has heard of.
  public init(typeURL: String) { self.typeURL = typeURL }

  private init(_ message: String) { typeURL = "type.googleapis.com/" + message }

  public static let cluster = ResourceType("envoy.config.cluster.v3.Cluster")
  public static let clusterLoadAssignment = ResourceType("envoy.config.endpoint.v3.ClusterLoadAssignment")
  public static let lbEndpoint = ResourceType("envoy.config.endpoint.v3.LbEndpoint")
  public static let secret = ResourceType("envoy.extensions.transport_sockets.tls.v3.Secret")
  public static let extensionConfig = ResourceType("envoy.config.core.v3.TypedExtensionConfig")
  public static let listener = ResourceType("envoy.config.listener.v3.Listener")
  public static let routeConfiguration = ResourceType("envoy.config.route.v3.RouteConfiguration")
  public static let scopedRouteConfiguration = ResourceType("envoy.config.route.v3.ScopedRouteConfiguration")
  public static let virtualHost = ResourceType("envoy.config.route.v3.VirtualHost")
  public static let runtime = ResourceType("envoy.service.runtime.v3.Runtime")
  public static let rateLimitConfig = ResourceType("ratelimit.config.ratelimit.v3.RateLimitConfig")

  /// The types in the order in which additions are sent: a resource comes before those that use it, and before those
  /// that only it makes the client ask for.
  public static let additionOrder: [ResourceType] = [
    cluster, clusterLoadAssignment, lbEndpoint, secret, extensionConfig, listener, routeConfiguration,
    scopedRouteConfiguration, virtualHost, runtime, rateLimitConfig,
  ]

  /// The place among `additionOrder`; types that are not there come last.
  public var additionRank: Int { Self.ranks[self] ?? Self.additionOrder.count }

  private static let ranks = Dictionary(uniqueKeysWithValues: zip(additionOrder, 0...))

  /// A State of the World response of this type holds everything: what it lacks is deleted. Of other types it may hold
  /// a part.
  public var isFullState: Bool { self == .cluster || self == .listener }

  /// The message's name, without package.
  public var description: String {
    typeURL.lastIndex(of: ".").map { String(typeURL[typeURL.index(after: $0)...]) } ?? typeURL
  }
}

/// One resource, by type and name.
public struct ResourceReference: Hashable, Sendable, CustomStringConvertible {
  public let type: ResourceType
  public let name: String

  public init(_ type: ResourceType, _ name: String) {
    self.type = type
    self.name = name
  }

  /// Such as `Cluster 'users'`.
  public var description: String { "\(type) '\(name)'" }
}
