// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

@Suite("A cache of one type, State of the World, of types that are told whole and of others")
struct LinearCacheWorldTests {
  private static let types: [ResourceType] = [.cluster, .clusterLoadAssignment]

  @Test("AC-75: where the type is told whole, a response without it deletes a resource")
  func deletion() throws {
    let cache = try LinearCache(.cluster, make(.cluster, ["a", "b"]))
    let one = try CacheWatch(cache, .cluster, .stateOfTheWorld, ["a"])
    let all = try CacheWatch(cache, .cluster, .stateOfTheWorld)
    _ = (try one.news(), try all.news())
    cache.remove("a")
    #expect(try one.news().letters == "" && all.news().letters == "b")
    cache.remove("b")
    #expect(try one.news() == nil && all.news().letters == "")
  }

  @Test("AC-83: each client gets all that it asked for, where something of that changed")
  func whole() throws {
    let cache = try LinearCache(.cluster, make(.cluster, ["a", "b", "c"]))
    let clients = try [["a", "b", "d"], [], ["a", "c", "d"]].map {
      try CacheWatch(cache, .cluster, .stateOfTheWorld, $0)
    }
    #expect(try clients.map { try $0.news().letters } == ["ab", "abc", "ac"])
    try cache.update(make(.cluster, ["b@2"]))
    #expect(try clients.map { try $0.news().letters } == ["ab", "abc", nil])
    try cache.update(make(.cluster, ["d"]))
    #expect(try clients.map { try $0.news().letters } == ["abd", "abcd", "acd"])
  }

  /// What four clients get, step by step, of a type that is told whole, and of one that is not.
  @Test("AC-84: four clients, whose wishes change", arguments: types)
  func matrix(type: ResourceType) throws {
    func expect(_ whole: [String?], _ part: [String?], _ news: [String?], line: Int = #line) {
      #expect(news == (type.isFullState ? whole : part), "line \(line)")
    }
    let cache = try LinearCache(type, make(type, ["a", "b", "c"]))
    let clients = try [[], ["*"], ["a", "b"], ["d"]].map { try CacheWatch(cache, type, .stateOfTheWorld, $0) }
    func news() throws -> [String?] { try clients.map { try $0.news().letters } }

    expect(["abc", "abc", "ab", nil], ["abc", "abc", "ab", nil], try news())
    try cache.update(make(type, ["b@2", "d"]), removing: ["a"])
    expect(["bcd", "bcd", "b", "d"], ["bd", "bd", "b", "d"], try news())
    expect(
      [nil, "cd"], [nil, "c"],
      [
        try clients[1].change(to: ["a", "c", "d"]).letters, try clients[3].change(to: ["c", "d"]).letters,
      ])
    try cache.update(make(type, ["e"]))
    expect(["bcde", nil, nil, nil], ["e", nil, nil, nil], try news())
    expect(
      [nil, "bcde"], [nil, "cde"],
      [
        try clients[1].change(to: ["a", "d"]).letters, try clients[2].change(to: ["*"]).letters,
      ])
    cache.remove("c")
    expect(["bde", nil, "bde", "d"], [nil, nil, nil, nil], try news())
    try cache.update(make(type, ["a@2", "b@3"]))
    expect(["abde", "ad", "abde", nil], ["ab", "a", "ab", nil], try news())
  }
}
