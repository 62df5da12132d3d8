// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import SwiftProtobuf
import Testing

@testable import XDS

@Suite("A cache of whole configurations") struct SnapshotCacheTests {
  @Test("AC-50: what was published is there, and nothing before that")
  func published() throws {
    let cache = SnapshotCache(group: .byID)
    #expect(cache.snapshot(for: "node") == nil && cache.keys.isEmpty)
    cache.publish(try Snapshot(make(.cluster, ["a"])), for: "node")
    #expect(cache.snapshot(for: "node")?.resources.map(\.name) == ["a"])
    #expect(cache.snapshot(for: "other") == nil && cache.keys == ["node"])
  }

  @Test(
    "AC-50: names that are only some, or do not exist, are answered with what there is",
    arguments: StateOfTheWorldTests.types, DiscoveryProtocol.allCases)
  func someNames(type: ResourceType, speaks: DiscoveryProtocol) throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(make(type, ["a", "b"])))
    #expect(try CacheWatch(cache, type, speaks, ["a"]).news()?.contents == ["a": "a=1"])
    #expect(try CacheWatch(cache, type, speaks, ["a", "none"]).news()?.contents == ["a": "a=1"])
    let none = try CacheWatch(cache, type, speaks, ["none"])
    #expect(try none.news()?.removed == (speaks == .delta ? ["none"] : nil))
    cache.publish(try Snapshot(make(type, ["a", "none"])))
    #expect(try none.news()?.contents == ["none": "none=1"])
  }

  @Test("AC-69: a node that nobody has heard of has no configuration and no streams")
  func unknownNode() {
    let cache = SnapshotCache(group: .byID)
    #expect(cache.watchers(node: "test") == 0)
    // To ask is not to publish.
    #expect(cache.keys.isEmpty && cache.snapshot(for: "test") == nil)
  }

  @Test("AC-69: groups of nodes")
  func groups() {
    let node = Node.with {
      $0.id = "test"
      $0.cluster = "edge"
    }
    #expect(NodeGroup.byID.key(node) == "test" && NodeGroup.byID.key(Node()) == "")
    #expect(NodeGroup.byCluster.key(node) == "edge")
    #expect(NodeGroup.all.key(node) == "")
    #expect(NodeGroup { "\($0.cluster)/\($0.id)" }.key(node) == "edge/test")
  }

  @Test("AC-69: the nodes of a group share a configuration, others have their own")
  func sharing() throws {
    let cache = SnapshotCache(group: .byCluster)
    func feed(_ id: String, _ cluster: String) -> ConfigurationFeed? {
      cache.feed(
        for: .with {
          $0.id = id
          $0.cluster = cluster
        }, type: .cluster)
    }
    #expect(feed("1", "edge") === feed("2", "edge") && feed("1", "edge") !== feed("1", "inner"))
    cache.publish(try Snapshot(make(.cluster, ["a"])), for: "edge")
    #expect(feed("3", "edge")?.snapshot != nil && feed("3", "inner")?.snapshot == nil)
  }

  @Test("AC-52: versions change exactly when the content of the type does, and come back with it")
  func versions() throws {
    func versions(_ resources: [Resource]) throws -> [ResourceType: String] {
      try Snapshot(resources).sets.mapValues(\.version)
    }
    let before = try versions(make(.cluster, ["a", "b"]) + make(.listener, ["l"]))
    #expect(try versions(make(.listener, ["l"]) + make(.cluster, ["b", "a"])) == before)
    let after = try versions(make(.cluster, ["a", "b@2"]) + make(.listener, ["l"]))
    #expect(after[.cluster] != before[.cluster] && after[.listener] == before[.listener])
    for other in [["a"], ["a", "b", "c"], ["a@2", "b"], []] {
      #expect(try versions(make(.cluster, other) + make(.listener, ["l"]))[.cluster] != before[.cluster])
    }
    let given = try Snapshot(make(.cluster, ["a"]), version: "7")
    #expect(given[.cluster]?.version == "7" && given[.listener] == nil)
  }

  @Test("AC-52: the version of a resource is that of everything a client gets of it")
  func resourceVersions() {
    let plain = make(.cluster, "a")
    #expect(make(.cluster, "a").version == plain.version)
    let others = [
      make(.cluster, "b"), make(.listener, "a"), make(.cluster, "a", "2"), make(.cluster, "a", aliases: ["x"]),
      make(.cluster, "a", ttl: .seconds(1)), make(.cluster, "a", ttl: .seconds(2)),
    ]
    #expect(Set(others.map(\.version) + [plain.version]).count == others.count + 1)
    // What it uses is known here alone.
    #expect(make(.cluster, "a", uses: [ResourceReference(.secret, "s")]).version == plain.version)
  }

  @Test("sets that did not change are the same objects, so that streams need not compare them")
  func reuse() throws {
    let first = try Snapshot(make(.cluster, ["a"]) + make(.listener, ["l"]))
    let second = try Snapshot(make(.cluster, ["a@2"]) + make(.listener, ["l"]), reusing: first)
    #expect(second[.listener] === first[.listener] && second[.cluster] !== first[.cluster])
  }

  @Test("two resources of one name are refused")
  func duplicates() {
    let error = #expect(throws: DuplicateResource.self) { try Snapshot(make(.cluster, ["a", "a@2"])) }
    #expect(error?.description.contains("two of Cluster 'a'") == true)
  }
}
