// SPDX-License-Identifier: Apache-2.0

/// A type of resource, by its type URL.
public struct ResourceType: Hashable, Sendable, CustomStringConvertible {
  /// Such as `type.googleapis.com/envoy.config.cluster.v3.Cluster`.
  public let typeURL: String
  /// The place among `additionOrder`; types that are not there come last.
  public let additionRank: Int

  /// Any type, Envoy's or another; a client may ask for types that nobody here has heard of.
  public init(typeURL: String) {
    self.typeURL = typeURL
    additionRank = Self.ranks[typeURL] ?? Self.messages.count
  }

  private init(_ message: String) { self.init(typeURL: Self.prefix + message) }

  private var isKnown: Bool { additionRank < Self.messages.count }

  // Types are compared for each message, and their URLs are long.

  public static func == (one: ResourceType, other: ResourceType) -> Bool {
    one.additionRank == other.additionRank && (one.isKnown || one.typeURL == other.typeURL)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(additionRank)
    if !isKnown { hasher.combine(typeURL) }
  }

  public static let cluster = ResourceType(messages[0])
  public static let clusterLoadAssignment = ResourceType(messages[1])
  public static let lbEndpoint = ResourceType(messages[2])
  public static let secret = ResourceType(messages[3])
  public static let extensionConfig = ResourceType(messages[4])
  public static let listener = ResourceType(messages[5])
  public static let routeConfiguration = ResourceType(messages[6])
  public static let scopedRouteConfiguration = ResourceType(messages[7])
  public static let virtualHost = ResourceType(messages[8])
  public static let runtime = ResourceType(messages[9])
  public static let rateLimitConfig = ResourceType(messages[10])

  /// The types in the order in which additions are sent: a resource comes before those that use it, and before those
  /// that only it makes the client ask for.
  public static let additionOrder = messages.map { ResourceType($0) }

  private static let messages = [
    "envoy.config.cluster.v3.Cluster",
    "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "envoy.config.endpoint.v3.LbEndpoint",
    "envoy.extensions.transport_sockets.tls.v3.Secret",
    "envoy.config.core.v3.TypedExtensionConfig",
    "envoy.config.listener.v3.Listener",
    "envoy.config.route.v3.RouteConfiguration",
    "envoy.config.route.v3.ScopedRouteConfiguration",
    "envoy.config.route.v3.VirtualHost",
    "envoy.service.runtime.v3.Runtime",
    "ratelimit.config.ratelimit.v3.RateLimitConfig",
  ]

  private static let prefix = "type.googleapis.com/"

  private static let ranks = Dictionary(uniqueKeysWithValues: zip(messages.map { prefix + $0 }, 0...))

  /// A State of the World response of this type holds everything: what it lacks is deleted. Of other types it may hold
  /// a part.
  ///
  /// Envoy takes scopes of routes so too, and the rate limit service its configurations.
  public var isFullState: Bool {
    [.cluster, .listener, .scopedRouteConfiguration, .rateLimitConfig].contains(self)
  }

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
