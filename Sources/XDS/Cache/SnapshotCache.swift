// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers

/// A whole configuration for each group of nodes.
public final class SnapshotCache: DiscoveryCache {
  private let group: NodeGroup
  private let feeds = NIOLockedValueBox<[String: ConfigurationFeed]>([:])

  public init(group: NodeGroup = .all) { self.group = group }

  /// Publishes a configuration for the nodes of a group; those that are connected are sent what changes for them.
  ///
  /// - Parameter key: what the `NodeGroup` says of these nodes.
  @discardableResult
  public func publish(_ snapshot: Snapshot, for key: String = "") -> PublishReport { feed(key).publish(snapshot) }

  /// The configuration of a group, or nil where none was published.
  public func snapshot(for key: String = "") -> Snapshot? { feeds.withLockedValue { $0[key] }?.snapshot }

  /// Forgets the configuration of a group. Its nodes keep what they have until another is published.
  public func clear(_ key: String = "") { feeds.withLockedValue { $0[key] }?.publish(nil) }

  /// The groups that have a configuration.
  public var keys: Set<String> {
    Set(feeds.withLockedValue { $0 }.filter { $0.value.snapshot != nil }.keys)
  }

  public func feed(for node: Node, type: ResourceType) -> ConfigurationFeed? { feed(group.key(node)) }

  private func feed(_ key: String) -> ConfigurationFeed {
    feeds.withLockedValue { feeds in
      if let feed = feeds[key] { return feed }
      let feed = ConfigurationFeed()
      feeds[key] = feed
      return feed
    }
  }
}
