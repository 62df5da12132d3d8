// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

@Suite struct DeltaTests {
  private let type = ResourceType.clusterLoadAssignment
  private func all(_ version: String) -> [Resource] {
    make(type, (0..<4).map { "endpoints\($0)@\(version)" })
  }

  private func harness(_ resources: [Resource]? = nil) throws -> DiscoveryHarness {
    try DiscoveryHarness(.delta, resources)
  }

  @Test("AC-20: no names are everything, names are those alone", arguments: StateOfTheWorldTests.types)
  func subscribe(type: ResourceType) throws {
    let everything = try harness(make(type, ["a", "b"]))
    #expect(try everything.delta(type).map(\.names) == [["a", "b"]])
    let named = try harness(make(type, ["a", "b"]))
    let sent = try named.delta(type, subscribe: ["b"])
    #expect(sent.map(\.names) == [["b"]] && sent[0].contents == ["b": "b=1"] && sent[0].nonce == "1")
  }

  @Test("AC-22: names beside a legacy wildcard are kept when that ends")
  func legacyWildcard() throws {
    let harness = try harness(all("1"))
    let first = try harness.delta(type)
    #expect(first.map(\.names.count) == [4])
    _ = try harness.accept(first[0])
    let second = try harness.publish(all("2"))
    #expect(second.map(\.names.count) == [4])
    let named = try harness.delta(type, subscribe: ["endpoints0"], nonce: second[0].nonce)
    #expect(named.map(\.names) == [["endpoints0"]])
    #expect(try harness.delta(type, unsubscribe: ["*"], nonce: named[0].nonce).isEmpty)
    #expect(try harness.publish(all("3")).map(\.names) == [["endpoints0"]])
  }

  @Test("AC-23: a star beside names is everything until it goes")
  func starBesideNames() throws {
    let harness = try harness(all("1"))
    let first = try harness.delta(type, subscribe: ["endpoints1"])
    #expect(first.map(\.names) == [["endpoints1"]])
    harness.snapshot = try Snapshot(all("2"))
    let star = try harness.delta(type, subscribe: ["*"], nonce: first[0].nonce)
    #expect(star.map(\.names.count) == [4])
    harness.snapshot = try Snapshot(all("3"))
    let more = try harness.delta(type, subscribe: ["endpoints2"], nonce: star[0].nonce)
    #expect(more.map(\.names.count) == [4])
    harness.snapshot = try Snapshot(all("4"))
    let without = try harness.delta(type, unsubscribe: ["*"], nonce: more[0].nonce)
    #expect(without.map(\.names) == [["endpoints1", "endpoints2"]])
  }

  @Test("AC-24: a name given up beside a star is told again, or that it does not exist")
  func unsubscribeBesideStar() throws {
    let harness = try harness(all("1"))
    let first = try harness.delta(type, subscribe: ["*"])
    harness.snapshot = try Snapshot(all("2"))
    let named = try harness.delta(
      type, subscribe: ["endpoints2", "endpoints4"], nonce: first[0].nonce)
    #expect(named.map(\.names.count) == [4] && named[0].removed == ["endpoints4"])
    let without = try harness.delta(
      type, unsubscribe: ["endpoints2", "endpoints4"], nonce: named[0].nonce)
    #expect(without.map(\.names) == [["endpoints2"]] && without[0].removed == ["endpoints4"])
    // A name that came with the star alone cannot be given up, nor one that was never asked for.
    #expect(try harness.delta(type, unsubscribe: ["endpoints1", "phantom"], nonce: without[0].nonce).isEmpty)
  }

  @Test("AC-26: who asks again for what it has is sent it")
  func again() throws {
    let harness = try harness(make(type, ["a"]))
    let first = try harness.delta(type, subscribe: ["a"])
    #expect(try harness.delta(type, subscribe: ["a"], nonce: first[0].nonce).map(\.contents) == [["a": "a=1"]])
  }

  @Test("AC-27: that something does not exist is said once")
  func missing() throws {
    let harness = try harness(make(type, ["other"]))
    let missing = try harness.delta(type, subscribe: ["missing"])
    #expect(missing.map(\.removed) == [["missing"]] && missing[0].names.isEmpty)
    _ = try harness.accept(missing[0])
    #expect(try harness.publish(make(type, ["other@2"])).isEmpty)
    #expect(try harness.publish(make(type, ["other@2", "missing"])).map(\.names) == [["missing"]])
  }

  @Test("AC-28: a request that answers an old response still subscribes")
  func staleNonce() throws {
    let harness = try harness(make(type, ["a", "b"]))
    let first = try harness.delta(type, subscribe: ["a"])
    _ = try harness.accept(first[0])
    #expect(try harness.delta(type, subscribe: ["b"], nonce: "0").map(\.names) == [["b"]])
    #expect(harness.events.last == .stale(type, nonce: "0"))
  }

  @Test("AC-29: what was refused is told again, all of it, once something of it changes")
  func refused() throws {
    let harness = try harness(make(type, ["a", "b"]))
    let first = try harness.delta(type)
    _ = try harness.accept(first[0])
    let second = try harness.publish(make(type, ["a@2", "b@2"]))
    #expect(try harness.refuse(second[0]).isEmpty)
    #expect(harness.events.last == .refused(type, nonce: "2", names: ["a", "b"], detail: "no good"))
    #expect(Set(harness.state.refusals.map(\.reference.name)) == ["a", "b"])
    #expect(try harness.publish(make(type, ["a@2", "b@2"])).isEmpty)
    let third = try harness.publish(make(type, ["a@2", "b@3"]))
    #expect(third.map(\.contents) == [["a": "a=2", "b": "b=3"]])
    #expect(try harness.accept(third[0]).isEmpty)
    #expect(harness.state.refusals.isEmpty)
    // Back to what the client had is a change too.
    let bad = try harness.publish(make(type, ["a@2", "b@bad"]))
    #expect(try harness.refuse(bad[0]).isEmpty)
    #expect(try harness.publish(make(type, ["a@2", "b@3"])).map(\.contents) == [["b": "b=3"]])
  }

  @Test("AC-31: a name may be another one's alias")
  func aliases() throws {
    let host = make(.virtualHost, "rc/vh1", aliases: ["rc/host.example", "rc/www.host.example"])
    let harness = try harness([host])
    let sent = try harness.delta(.virtualHost, subscribe: ["rc/host.example"])
    #expect(sent.map(\.names) == [["rc/vh1"]])
    #expect(try harness.delta(.virtualHost, subscribe: ["rc/nobody"], nonce: "1").map(\.removed) == [["rc/nobody"]])
    let changed = make(.virtualHost, "rc/vh1", "2", aliases: ["rc/host.example"])
    _ = try harness.delta(.virtualHost, nonce: "2")
    #expect(try harness.publish([changed]).map(\.contents) == [["rc/vh1": "rc/vh1=2"]])
  }

  @Test("AC-32: a long response is divided")
  func divided() throws {
    let resources = (0..<1_000).map { number in
      Resource(type, name: "r\(10_000 + number)", body: [UInt8](repeating: 7, count: 20_000))
    }
    let harness = try DiscoveryHarness(
      .delta, resources, limits: DiscoveryState.Limits(responseSize: 4 * 1_024 * 1_024))
    let sent = try harness.delta(type)
    #expect(sent.count == 5 && Set(sent.map(\.nonce)).count == 5)
    #expect(sent.flatMap(\.names) == resources.map(\.name))
    for response in sent.dropLast() { #expect(response.contents.count > 200) }
    // None of them is all: each has to be answered.
    for response in sent.dropLast() { _ = try harness.accept(response) }
    #expect(!harness.isSettled)
    _ = try harness.accept(sent[4])
    #expect(harness.isSettled)
  }

  @Test("A client tells once what it has: that is not sent again, what changed is, what is gone is said")
  func initialVersions() throws {
    let harness = try harness(make(type, ["same", "changed@2", "new"]))
    let held = ["same": make(type, "same").version, "changed": make(type, "changed").version, "gone": "x"]
    let sent = try harness.delta(type, subscribe: ["same", "changed", "new", "gone"], held: held)
    #expect(sent.map(\.names) == [["changed", "new"]] && sent[0].removed == ["gone"])
    // Not in later requests.
    _ = try harness.delta(type, held: ["same": "other"], nonce: "1")
    #expect(harness.isSettled)
  }

  @Test("AC-79: everything of nothing is answered once")
  func nothing() throws {
    let harness = try harness([])
    let first = try harness.delta(.cluster)
    #expect(first.map(\.names) == [[]])
    #expect(try harness.accept(first[0]).isEmpty)
    #expect(try harness.publish(make(.cluster, ["a"])).map(\.names) == [["a"]])
  }

  @Test("AC-63: what goes is told by name")
  func removal() throws {
    let harness = try harness(make(type, ["a", "b"]))
    let first = try harness.delta(type)
    _ = try harness.accept(first[0])
    let gone = try harness.publish(make(type, ["b"]))
    #expect(gone.map(\.removed) == [["a"]] && gone[0].names.isEmpty)
    #expect(harness.state[type]?.sent.keys.sorted() == ["b"])
  }

  @Test("AC-85: a prefix is a subscription to all there is and will be under it")
  func prefix() throws {
    let harness = try harness(make(.lbEndpoint, ["col/zone1/a", "col/zone2/b"]))
    let first = try harness.delta(.lbEndpoint, subscribe: ["col/zone1/*", "exact"])
    #expect(first.map(\.names) == [["col/zone1/a"]])
    _ = try harness.accept(first[0])
    let added = try harness.publish(make(.lbEndpoint, ["col/zone1/a", "col/zone1/c", "col/zone2/d", "exact"]))
    #expect(added.map(\.names) == [["col/zone1/c", "exact"]])
    _ = try harness.accept(added[0])
    let changed = try harness.publish(make(.lbEndpoint, ["col/zone1/c@2", "col/zone2/d@2", "exact"]))
    #expect(changed.map(\.names) == [["col/zone1/c"]] && changed[0].removed == ["col/zone1/a"])
    #expect(try harness.delta(.lbEndpoint, unsubscribe: ["col/zone1/*"], nonce: changed[0].nonce).isEmpty)
    #expect(try harness.publish(make(.lbEndpoint, ["col/zone1/c@3", "exact@3"])).map(\.names) == [["exact"]])
  }
}
