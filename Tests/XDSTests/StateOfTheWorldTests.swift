// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

@Suite struct StateOfTheWorldTests {
  static let types: [ResourceType] =
    ResourceType.additionOrder + [ResourceType(typeURL: "type.googleapis.com/other.Type")]

  private func harness(_ resources: [Resource]? = nil) throws -> DiscoveryHarness {
    try DiscoveryHarness(.stateOfTheWorld, resources)
  }

  @Test("AC-1: one request is one response, with a nonce, a version and the type", arguments: types)
  func oneResponse(type: ResourceType) throws {
    let harness = try harness(make(type, ["a"]))
    let first = try harness.request(type, ["a"])
    try #require(first.count == 1)
    #expect(first[0].nonce == "1" && !first[0].version.isEmpty && first[0].type == type)
    #expect(first[0].contents == ["a": "a=1"])
    #expect(try harness.accept(first[0], ["a"]).isEmpty)
    #expect(try harness.publish(make(type, ["a@2"])).map(\.nonce) == ["2"])
  }

  @Test("AC-5: a request that answers an older response changes nothing")
  func staleNonce() throws {
    let harness = try harness(make(.clusterLoadAssignment, ["a", "b"]))
    let first = try harness.request(.clusterLoadAssignment, ["a"])
    #expect(try harness.request(.clusterLoadAssignment, ["a", "b"], nonce: "xyz").isEmpty)
    #expect(harness.events == [.stale(.clusterLoadAssignment, nonce: "xyz")])
    let second = try harness.request(.clusterLoadAssignment, ["a", "b"], version: first[0].version, nonce: "1")
    #expect(second.map(\.names) == [["b"]])
    #expect(harness.events.last == .acknowledged(.clusterLoadAssignment, nonce: "1"))
  }

  @Test("AC-6: each type of a stream is answered by itself")
  func aggregated() throws {
    let all: [ResourceType] = [
      .listener, .cluster, .clusterLoadAssignment, .routeConfiguration, .extensionConfig, .scopedRouteConfiguration,
      .virtualHost,
    ]
    let harness = try harness(all.map { make($0, "r") })
    for type in all {
      let sent = try harness.request(type, type.isFullState ? [] : ["r"])
      #expect(sent.map(\.type) == [type] && sent.map(\.names) == [["r"]])
      #expect(harness.state[type]?.outstanding.count == 1)
    }
  }

  @Test("AC-7: what is no longer wanted is not sent")
  func droppedBeforeItWasSent() throws {
    let harness = try harness()
    #expect(try harness.request(.secret, ["secret"]).isEmpty)
    #expect(try harness.request(.secret, []).isEmpty)
    #expect(try harness.publish([make(.secret, "secret")]).isEmpty)
  }

  @Test("AC-8: an aggregated stream needs a type")
  func missingType() throws {
    let harness = try harness([])
    #expect(throws: DiscoveryViolation.missingType) { try harness.request(ResourceType(typeURL: "")) }
  }

  @Test("AC-13: a stream of one type has that type alone")
  func otherType() throws {
    let harness = try DiscoveryHarness(.stateOfTheWorld, make(.cluster, ["a"]), onlyType: .cluster)
    #expect(try harness.request(ResourceType(typeURL: ""), []).map(\.type) == [.cluster])
    #expect(throws: DiscoveryViolation.otherType(.listener, .cluster)) { try harness.request(.listener) }
  }

  @Test("AC-10: types that nobody knows are remembered and not answered", arguments: DiscoveryProtocol.allCases)
  func unknownTypes(speaks: DiscoveryProtocol) throws {
    let harness = try DiscoveryHarness(speaks, [])
    for number in 0..<10 {
      let type = ResourceType(typeURL: "type.googleapis.com/unknown\(number % 2)")
      switch speaks {
      case .stateOfTheWorld: #expect(try harness.request(type, ["\(number)"]).isEmpty)
      case .delta: #expect(try harness.delta(type, subscribe: ["\(number)"]).map(\.removed) == [["\(number)"]])
      }
    }
  }

  @Test("A stream has only so many types", arguments: DiscoveryProtocol.allCases)
  func manyTypes(speaks: DiscoveryProtocol) throws {
    let harness = try DiscoveryHarness(speaks, [])
    for number in 0..<100 { _ = try harness.subscribe(ResourceType(typeURL: "type/\(number)"), ["a"]) }
    #expect(throws: DiscoveryViolation.tooManyTypes) { try harness.subscribe(.cluster) }
  }

  @Test("AC-15: what was refused is not sent again before it changes")
  func refused() throws {
    let harness = try harness(make(.listener, ["a"]))
    let first = try harness.request(.listener)
    #expect(try harness.accept(first[0]).isEmpty)
    let bad = try harness.publish(make(.listener, ["a@bad"]))
    #expect(bad.map(\.contents) == [["a": "a=bad"]])
    #expect(try harness.refuse(bad[0], version: first[0].version).isEmpty)
    #expect(harness.events.last == .refused(.listener, nonce: "2", names: ["a"], detail: "no good"))
    #expect(harness.state.refusals.map(\.detail) == ["no good"])
    // The same, once more published, is no change; nor is a request that says the same again.
    #expect(try harness.publish(make(.listener, ["a@bad"])).isEmpty)
    #expect(try harness.refuse(bad[0], version: first[0].version).isEmpty)
    let good = try harness.publish(make(.listener, ["a@good"]))
    #expect(good.map(\.contents) == [["a": "a=good"]])
    #expect(try harness.accept(good[0]).isEmpty)
    #expect(harness.events.last == .acknowledged(.listener, nonce: "3"))
    #expect(harness.state.refusals.isEmpty)
  }

  @Test("AC-16: a refusal that asks for another name is answered with that alone")
  func refusedWithNewName() throws {
    let harness = try harness(make(.clusterLoadAssignment, ["a@bad", "b"]))
    let first = try harness.request(.clusterLoadAssignment, ["a"])
    #expect(try harness.refuse(first[0], ["a", "b"]).map(\.names) == [["b"]])
  }

  @Test("AC-17: endpoints are told again after their cluster changed, and only then")
  func warming() throws {
    let uses = [ResourceReference(.clusterLoadAssignment, "e")]
    let endpoints = make(.clusterLoadAssignment, "e")
    let harness = try harness([make(.cluster, "c", uses: uses), endpoints])
    let clusters = try harness.request(.cluster)
    _ = try harness.accept(clusters[0])
    let first = try harness.request(.clusterLoadAssignment, ["e"])
    #expect(try harness.accept(first[0], ["e"]).isEmpty)
    // An identical request is no reason.
    #expect(try harness.accept(first[0], ["e"]).isEmpty)
    let changed = try harness.publish([make(.cluster, "c", "2", uses: uses), endpoints])
    #expect(changed.map(\.type) == [.cluster, .clusterLoadAssignment])
    #expect(changed[1].version == first[0].version && changed[1].contents == first[0].contents)
    // Envoy's own request crossed with it.
    #expect(try harness.accept(first[0], ["e"]).isEmpty)
    #expect(try harness.accept(changed[1], ["e"]).isEmpty)
  }

  @Test("AC-18: a legacy wildcard, a star, names beside it, names alone, nothing")
  func wildcardSequence() throws {
    let harness = try harness(make(.cluster, ["A", "B"]))
    var last = try harness.request(.cluster)
    #expect(last.map(\.names) == [["A", "B"]])
    for names in [["*"], ["*", "A"]] { #expect(try harness.accept(last[0], names).isEmpty) }
    last = try harness.publish(make(.cluster, ["A@2", "B@2"]))
    #expect(last.map(\.names) == [["A", "B"]])
    #expect(try harness.accept(last[0], ["A"]).isEmpty)
    last = try harness.publish(make(.cluster, ["A@3", "B@3"]))
    #expect(last.map(\.names) == [["A"]])
    #expect(try harness.accept(last[0], []).isEmpty)
    #expect(try harness.publish(make(.cluster, ["A@4", "B@4"])).isEmpty)
  }

  @Test("AC-56: a name that is added is sent, with the others where the type is told whole")
  func addedName() throws {
    let harness = try harness(make(.cluster, ["c1", "c2"]))
    let first = try harness.request(.cluster, ["c1"])
    #expect(first.map(\.names) == [["c1"]])
    let second = try harness.request(.cluster, ["c1", "c2"], version: first[0].version, nonce: first[0].nonce)
    #expect(second.map(\.names) == [["c1", "c2"]])
    #expect(try harness.accept(second[0], ["c1", "c2"]).isEmpty)
  }

  @Test("A refusal of a response before the last counts")
  func refusedBeforeTheLast() throws {
    let harness = try harness(make(.clusterLoadAssignment, ["a@bad", "b"]))
    let first = try harness.request(.clusterLoadAssignment, ["a"])
    harness.state.stopWaiting()
    let second = try harness.publish(make(.clusterLoadAssignment, ["a@bad2", "b"]))
    #expect(second.map(\.nonce) == ["2"])
    #expect(try harness.refuse(first[0], ["a"]).isEmpty)
    #expect(harness.events == [.refused(.clusterLoadAssignment, nonce: "1", names: ["a"], detail: "no good")])
    #expect(try harness.accept(second[0], ["a"]).isEmpty)
    #expect(harness.events.last == .acknowledged(.clusterLoadAssignment, nonce: "2"))
  }

  @Test("Scopes of routes are told whole, as Envoy takes them")
  func scopes() throws {
    let harness = try harness(make(.scopedRouteConfiguration, ["a", "b"]))
    let first = try harness.request(.scopedRouteConfiguration)
    #expect(try harness.accept(first[0]).isEmpty)
    let changed = try harness.publish(make(.scopedRouteConfiguration, ["a", "b@2"]))
    #expect(changed.map(\.names) == [["a", "b"]])
    #expect(try harness.accept(changed[0]).isEmpty)
    #expect(try harness.publish(make(.scopedRouteConfiguration, ["b@2"])).map(\.names) == [["b"]])
  }

  @Test("A client that wants nothing any more has everything")
  func unsubscribedWhileWaiting() throws {
    let uses = [ResourceReference(.cluster, "bad")]
    let harness = try harness([make(.cluster, "bad"), make(.routeConfiguration, "r", uses: uses)])
    _ = try harness.refuse(try harness.request(.cluster)[0])
    #expect(try harness.request(.routeConfiguration, ["r"]).isEmpty)
    #expect(try harness.request(.routeConfiguration, []).isEmpty)
    #expect(harness.state[.routeConfiguration]?.isDeferred == false)
  }

  @Test("A name that was given up and is wanted again is sent again")
  func nameAgain() throws {
    let harness = try harness(make(.routeConfiguration, ["a", "b"]))
    let first = try harness.request(.routeConfiguration, ["a", "b"])
    #expect(try harness.accept(first[0], ["a"]).isEmpty)
    #expect(try harness.accept(first[0], ["a", "b"]).map(\.names) == [["b"]])
  }

  @Test("A client that comes back with what it has of everything is not sent it again")
  func comesBack() throws {
    let resources = make(.cluster, ["a", "b"])
    let harness = try harness(resources)
    let version = try #require(harness.snapshot?[.cluster]?.version)
    #expect(try harness.request(.cluster, version: version).isEmpty)
    #expect(harness.isSettled)
    #expect(try harness.publish(make(.cluster, ["a", "b@2"])).map(\.names) == [["a", "b"]])
    let named = try self.harness(resources)
    #expect(try named.request(.cluster, ["a"], version: version).map(\.names) == [["a"]])
  }

  @Test("Versions are made of content, whatever the order, and the same in every process")
  func versions() throws {
    let one = try Snapshot(make(.cluster, ["a", "b"]))
    let other = try Snapshot(make(.cluster, ["b", "a"]))
    #expect(one[.cluster]?.version == other[.cluster]?.version)
    #expect(one[.cluster]?.version != (try Snapshot(make(.cluster, ["a", "b@2"])))[.cluster]?.version)
    // As it is here and now: another value would have every client sent everything after an upgrade.
    #expect(make(.cluster, "a").version == "46e74c94b49201")
    let changed = one[.cluster]?.changing(updates: make(.cluster, ["c"]), removals: ["a"])
    #expect(changed?.version == (try Snapshot(make(.cluster, ["b", "c"])))[.cluster]?.version)
  }
}
