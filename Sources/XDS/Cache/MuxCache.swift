// SPDX-License-Identifier: Apache-2.0

/// Several caches as one: which one has a type is told by the type, such as endpoints in a `LinearCache` and everything
/// else in a `SnapshotCache`.
public struct MuxCache: DiscoveryCache {
  private let caches: [ResourceType: any DiscoveryCache]
  private let others: (any DiscoveryCache)?

  /// - Parameter others: has the types that `caches` does not name; without it nobody has them.
  public init(_ caches: [ResourceType: any DiscoveryCache], others: (any DiscoveryCache)? = nil) {
    self.caches = caches
    self.others = others
  }

  public func feed(for node: Node, type: ResourceType) -> ConfigurationFeed? {
    (caches[type] ?? others)?.feed(for: node, type: type)
  }
}
