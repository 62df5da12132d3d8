// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

@Suite("A cache of one type, delta") struct LinearCacheDeltaTests {
  private static let type = ResourceType.clusterLoadAssignment

  private func watch(_ cache: LinearCache, _ names: [String] = []) throws -> CacheWatch {
    try CacheWatch(cache, Self.type, .delta, names)
  }

  @Test("AC-79: delta begins with what there is, and says what there is not")
  func delta() throws {
    let cache = try LinearCache(Self.type)
    let all = try watch(cache)
    let empty = try #require(try all.news())
    #expect(empty.names.isEmpty && empty.removed.isEmpty)
    try cache.update(make(Self.type, ["a", "b"]))
    #expect(try all.news().letters == "ab")
    let some = try watch(cache, ["b", "c"])
    let first = try #require(try some.news())
    #expect(first.names == ["b"] && first.removed == ["c"])
    try cache.update(make(Self.type, ["b@2"]))
    #expect(try all.news().letters == "b" && some.news().letters == "b")
  }

  @Test("AC-80: changes, creations and deletions of one update are one response")
  func deltaChanges() throws {
    let cache = try LinearCache(Self.type, make(Self.type, ["a", "b"]))
    let (some, all) = (try watch(cache, ["a", "b"]), try watch(cache))
    _ = (try some.news(), try all.news())
    try cache.replaceAll(make(Self.type, ["a@2"]))
    for client in [some, all] {
      let sent = try #require(try client.news())
      #expect(sent.names == ["a"] && sent.removed == ["b"])
    }
    try cache.update(make(Self.type, ["b", "d"]))
    #expect(try some.news().letters == "b" && all.news().letters == "bd")
    try cache.update(make(Self.type, ["a@3"]), removing: ["d"])
    let (one, both) = (try #require(try some.news()), try #require(try all.news()))
    #expect(one.names == ["a"] && one.removed.isEmpty)
    #expect(both.names == ["a"] && both.removed == ["d"])
  }
}
