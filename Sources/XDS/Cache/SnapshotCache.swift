// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers

/// A whole configuration for each group of nodes.
public final class SnapshotCache: DiscoveryCache {
  private let group: NodeGroup
  private let feeds = NIOLockedValueBox<[String: Entry]>([:])

  /// A group's feed, which lasts as long as somebody is connected to it or something is published.
  private struct Entry {
    weak var feed: ConfigurationFeed?
    var published: ConfigurationFeed?
  }

  public init(group: NodeGroup = .all) { self.group = group }

  /// Publishes a configuration for the nodes of a group; those that are connected are sent what changes for them.
  ///
  /// - Parameter key: what the `NodeGroup` says of these nodes.
  @discardableResult
  public func publish(_ snapshot: Snapshot, for key: String = "") -> PublishReport {
    feed(key, publishing: true).publish(snapshot)
  }

  /// The configuration of a group, or nil where none was published.
  public func snapshot(for key: String = "") -> Snapshot? { feeds.withLockedValue { $0[key]?.published }?.snapshot }

  /// Forgets the configuration of a group. Its nodes keep what they have until another is published.
  public func clear(_ key: String = "") {
    let feed = feeds.withLockedValue { feeds in
      defer { feeds[key]?.published = nil }
      return feeds[key]?.published
    }
    feed?.publish(nil)
  }

  /// The groups that have a configuration.
  public var keys: Set<String> {
    Set(feeds.withLockedValue { $0 }.filter { $0.value.published != nil }.keys)
  }

  public func feed(for node: Node, type: ResourceType) -> ConfigurationFeed? { feed(group.key(node)) }

  private func feed(_ key: String, publishing: Bool = false) -> ConfigurationFeed {
    feeds.withLockedValue { feeds in
      let feed = feeds[key]?.feed ?? ConfigurationFeed()
      if feeds[key]?.feed == nil {
        // Clients may come under any name: those that have gone leave nothing behind.
        if feeds.count >= Self.fewGroups { feeds = feeds.filter { $0.value.feed != nil } }
        feeds[key] = Entry(feed: feed)
      }
      if publishing { feeds[key]?.published = feed }
      return feed
    }
  }

  /// Below this, groups are not looked through for those that nobody needs.
  private static let fewGroups = 1_000
}
