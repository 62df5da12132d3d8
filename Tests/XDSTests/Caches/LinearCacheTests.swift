// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import Testing

@testable import XDS

@Suite("A cache of one type") struct LinearCacheTests {
  private static let type = ResourceType.clusterLoadAssignment

  private func cache(_ names: String...) throws -> LinearCache { try LinearCache(Self.type, make(Self.type, names)) }

  private func watch(
    _ cache: LinearCache, _ names: [String] = [], _ speaks: DiscoveryProtocol = .stateOfTheWorld
  ) throws -> CacheWatch { try CacheWatch(cache, Self.type, speaks, names) }

  private func version(_ cache: LinearCache) -> String? {
    cache.feed(for: Node(), type: Self.type)?.snapshot?[Self.type]?.version
  }

  @Test("AC-70: by name, and everything", arguments: DiscoveryProtocol.allCases)
  func initial(speaks: DiscoveryProtocol) throws {
    let cache = try cache("a", "b")
    #expect(try watch(cache, ["a"], speaks).news().letters == "a")
    #expect(try watch(cache, [], speaks).news().letters == "ab")
  }

  @Test("AC-71: resources and clients of another type are refused, and so is a name that is there twice")
  func otherType() throws {
    let cache = try cache("a")
    let wrong = WrongType(reference: ResourceReference(.cluster, "c"), type: Self.type)
    #expect(throws: wrong) { try LinearCache(Self.type, make(.cluster, ["c"])) }
    #expect(throws: wrong) { try cache.update(make(.cluster, ["c"])) }
    #expect(throws: wrong) { try cache.replaceAll(make(.cluster, ["c"])) }
    #expect(throws: DuplicateResource.self) { try LinearCache(Self.type, make(Self.type, ["a", "a@2"])) }
    #expect(throws: DuplicateResource.self) { try cache.replaceAll(make(Self.type, ["a", "a@2"])) }
    #expect(cache.feed(for: Node(), type: .cluster) == nil)
    #expect(cache.resources.keys.sorted() == ["a"])
  }

  @Test("AC-72, AC-76: who has everything is sent what changes, each once", arguments: DiscoveryProtocol.allCases)
  func updates(speaks: DiscoveryProtocol) throws {
    let cache = try cache("a", "b")
    let (one, all) = (try watch(cache, ["a"], speaks), try watch(cache, [], speaks))
    _ = (try one.news(), try all.news())
    #expect(try one.news() == nil && all.news() == nil)
    try cache.update(make(Self.type, ["a@2"]))
    #expect(try one.news()?.contents == ["a": "a=2"])
    #expect(try all.news()?.contents == ["a": "a=2"])
    #expect(try one.news() == nil && all.news() == nil)
    try cache.update(make(Self.type, ["b@2"]))
    try cache.update(make(Self.type, ["a@3"]))
    #expect(try one.news()?.contents == ["a": "a=3"])
    #expect(try all.news()?.contents == ["a": "a=3", "b": "b=2"])
  }

  @Test("AC-73, AC-74: versions are those of the content, in every cache that has it")
  func versions() throws {
    let cache = try cache("a", "b")
    let first = version(cache)
    #expect(first == version(try self.cache("b", "a")))
    try cache.replaceAll(make(Self.type, ["b", "a"]))
    #expect(version(cache) == first)
    try cache.replaceAll(make(Self.type, ["a@2", "b", "c"]))
    let second = version(cache)
    #expect(second != first)
    try cache.update(make(Self.type, ["a"]), removing: ["c"])
    #expect(version(cache) == first)
    cache.remove("none")
    #expect(version(cache) == first)
    try cache.update(make(Self.type, ["a@2", "c"]))
    #expect(version(cache) == second)
  }

  @Test("AC-73: of a whole replacement only the differences are sent")
  func replaceAll() throws {
    let cache = try cache("a", "b")
    let (one, all) = (try watch(cache, ["a"]), try watch(cache))
    _ = (try one.news(), try all.news())
    try cache.replaceAll(make(Self.type, ["a@2", "b", "c"]))
    #expect(try one.news().letters == "a" && all.news().letters == "ac")
    try cache.replaceAll(make(Self.type, ["b@2", "c"]))
    #expect(try one.news() == nil && all.news().letters == "b")
  }

  @Test("AC-75, AC-81: deletions are told by delta, and not by State of the World")
  func deletions() throws {
    let cache = try cache("a", "b")
    let (one, all) = (try watch(cache, ["a"]), try watch(cache))
    let delta = try watch(cache, [], .delta)
    for client in [one, all, delta] { _ = try client.news() }
    cache.remove("a")
    #expect(try one.news() == nil && all.news() == nil)
    #expect(try delta.news()?.removed == ["a"])
    cache.remove("b")
    #expect(try all.news() == nil && delta.news()?.removed == ["b"])
    try cache.update(make(Self.type, ["a"]))
    for client in [one, all, delta] { #expect(try client.news().letters == "a") }
  }

  @Test("AC-82: many updates that one client is concerned by do not pile up")
  func coalesced() throws {
    let cache = try cache("a", "b", "c")
    let all = try watch(cache, ["a", "b", "c"])
    _ = try all.news()
    for version in 2...50 { for name in ["a", "b", "c"] { try cache.update(make(Self.type, ["\(name)@\(version)"])) } }
    #expect(try all.news()?.contents == ["a": "a=50", "b": "b=50", "c": "c=50"])
    #expect(try all.news() == nil)
  }

  @Test("AC-86: the resources are told exactly")
  func resources() throws {
    let cache = try cache("a", "b")
    #expect(cache.resources.keys.sorted() == ["a", "b"])
    try cache.update(make(Self.type, ["a@2", "c"]), removing: ["b", "none"])
    #expect(
      cache.resources.mapValues(\.version)
        == ["a", "c"].reduce(into: [:]) {
          $0[$1] = make(Self.type, $1, $1 == "a" ? "2" : "1").version
        })
    cache.remove("a", "c")
    #expect(cache.resources.isEmpty)
  }
}
