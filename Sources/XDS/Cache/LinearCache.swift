// SPDX-License-Identifier: Apache-2.0

/// The resources of one type, the same for all nodes, changed one by one: such as endpoints, which change often.
///
/// A change costs time for each resource of the cache, but not for each stream.
public final class LinearCache: DiscoveryCache {
  public let type: ResourceType
  private let feed = ConfigurationFeed()

  /// Throws when a resource is of another type, or two have the same name.
  public init(_ type: ResourceType, _ resources: [Resource] = []) throws {
    self.type = type
    var snapshot = Snapshot()
    snapshot[type] = try ResourceSet(type, try Self.checked(resources, type))
    feed.publish(snapshot)
  }

  /// All resources by name.
  public var resources: [String: Resource] { feed.snapshot?[type]?.resources ?? [:] }

  /// Puts resources in place, and removes others; all at once. Throws when one is of another type.
  @discardableResult
  public func update(_ updates: [Resource], removing removals: [String] = []) throws -> PublishReport {
    let updates = try Self.checked(updates, type)
    return change(updates, removing: removals)
  }

  /// Removes resources.
  @discardableResult
  public func remove(_ names: String...) -> PublishReport {
    change([], removing: names)
  }

  private func change(_ updates: [Resource], removing removals: [String]) -> PublishReport {
    feed.update { snapshot in
      let set = snapshot?[type]
      snapshot?[type] = set?.changing(updates: updates, removals: removals)
    }
  }

  /// Puts these resources in place of all. Throws when one is of another type, or two have the same name.
  @discardableResult
  public func replaceAll(_ resources: [Resource]) throws -> PublishReport {
    var snapshot = Snapshot()
    snapshot[type] = try ResourceSet(type, try Self.checked(resources, type))
    return feed.publish(snapshot)
  }

  public func feed(for node: Node, type: ResourceType) -> ConfigurationFeed? { type == self.type ? feed : nil }

  private static func checked(_ resources: [Resource], _ type: ResourceType) throws(WrongType) -> [Resource] {
    if let other = resources.first(where: { $0.type != type }) {
      throw WrongType(reference: other.reference, type: type)
    }
    return resources
  }
}

/// A resource was given to a cache of another type.
public struct WrongType: Error, Hashable, CustomStringConvertible {
  public let reference: ResourceReference
  public let type: ResourceType

  public var description: String { "\(reference) cannot be in a cache of type \(type)" }
}
