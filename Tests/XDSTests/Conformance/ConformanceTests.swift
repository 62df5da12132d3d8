// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import XDS

/// The scenarios that every xDS server should pass, in each of the four ways to ask. Each response is the next one of its
/// stream, so that whatever should not have been sent would be found in its place.
@Suite("Conformance", .timeLimit(.minutes(1)))
struct ConformanceTests {
  private static let wholeTypes: [ResourceType] = [.cluster, .listener]
  private static let partTypes: [ResourceType] = [.routeConfiguration, .clusterLoadAssignment]
  private static let types = wholeTypes + partTypes

  private func run(
    _ variant: Variant, _ resources: [Resource],
    _ body: (SnapshotCache, WireClient, ControlPlane) async throws -> Void
  ) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(resources))
    try await ControlPlane.run(cache) { plane in try await body(cache, try await plane.client(variant), plane) }
  }

  /// What a response has to hold after a change: all that was asked for where State of the World tells a type whole.
  private func expected(
    _ variant: Variant, _ type: ResourceType, changed: [String: String], all: [String: String]
  ) -> [String: String] {
    variant.speaks == .stateOfTheWorld && type.isFullState ? all : changed
  }

  @Test("AC-100, AC-101, AC-102: everything in one response, and so is each change", arguments: Variant.all, wholeTypes)
  func wildcard(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b", "c"])) { cache, client, _ in
      try await client.subscribe(type)
      let first = try await client.take(type)
      #expect(first.contents == ["a": "1", "b": "1", "c": "1"] && first.nonce == "1")
      cache.publish(try Snapshot(make(type, ["a@2", "b", "c"])))
      let second = try await client.take(type)
      #expect(second.contents == expected(variant, type, changed: ["a": "2"], all: ["a": "2", "b": "1", "c": "1"]))
      cache.publish(try Snapshot(make(type, ["a@2", "b", "c", "d"])))
      let third = try await client.take(type)
      let all = ["a": "2", "b": "1", "c": "1", "d": "1"]
      #expect(third.contents == expected(variant, type, changed: ["d": "1"], all: all))
      #expect(Set([first, second, third].map(\.version)).count == 3)
      #expect(Set([first, second, third].map(\.nonce)).count == 3)
    }
  }

  @Test("AC-103, AC-104: some by name, and of changes only those", arguments: Variant.all, types)
  func subset(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["b", "d", "g", "l"])) { cache, client, _ in
      try await client.subscribe(type, ["l", "g"])
      #expect(try await client.take(type).contents == ["g": "1", "l": "1"])
      cache.publish(try Snapshot(make(type, ["b@2", "d@2", "g", "l"])))
      cache.publish(try Snapshot(make(type, ["b@2", "d@2", "g@3", "l"])))
      #expect(
        try await client.take(type).contents
          == expected(variant, type, changed: ["g": "3"], all: ["g": "3", "l": "1"]))
    }
  }

  @Test("AC-110: a name that is asked for twice is answered once", arguments: Variant.all, types)
  func duplicateNames(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b"])) { _, client, _ in
      try await client.subscribe(type, ["a", "a", "b", "a"])
      let answer = try await client.take(type)
      #expect(answer.contents == ["a": "1", "b": "1"])
    }
  }

  @Test("AC-105: what does not exist comes once it does", arguments: Variant.all, types)
  func createdLater(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b"])) { cache, client, _ in
      try await client.subscribe(type, ["a", "z"])
      let first = try await client.take(type)
      #expect(first.contents == ["a": "1"] && first.removed == (variant.speaks == .delta ? ["z"] : []))
      cache.publish(try Snapshot(make(type, ["a", "b@2", "z@2"])))
      let second = try await client.take(type)
      #expect(second.contents == expected(variant, type, changed: ["z": "2"], all: ["a": "1", "z": "2"]))
      #expect(second.removed.isEmpty)
    }
  }

  @Test(
    "AC-106: two types side by side do not touch each other", arguments: Variant.all,
    [[ResourceType.cluster, .listener], [.routeConfiguration, .clusterLoadAssignment]])
  func twoTypes(variant: Variant, types: [ResourceType]) async throws {
    try await run(variant, types.flatMap { make($0, ["a", "b"]) }) { cache, client, _ in
      var versions: [ResourceType: String] = [:]
      for type in types {
        try await client.subscribe(type, ["a", "b"])
        let answer = try await client.take(type)
        #expect(answer.contents == ["a": "1", "b": "1"])
        versions[type] = answer.version
      }
      cache.publish(try Snapshot(make(types[0], ["a", "b"]) + make(types[1], ["a@2", "b"])))
      let changed = try await client.take(types[1])
      #expect(changed.contents == expected(variant, types[1], changed: ["a": "2"], all: ["a": "2", "b": "1"]))
      cache.publish(try Snapshot(make(types[0], ["a@3", "b"]) + make(types[1], ["a@2", "b"])))
      let other = try await client.take(types[0])
      #expect(other.contents == expected(variant, types[0], changed: ["a": "3"], all: ["a": "3", "b": "1"]))
      #expect(changed.version != versions[types[1]] && other.version != versions[types[0]])
    }
  }

  @Test("AC-107: of what was unsubscribed from, nothing more comes", arguments: Variant.all, types)
  func unsubscribeSome(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b", "c"])) { cache, client, _ in
      try await client.subscribe(type, ["a", "b", "c"])
      #expect(try await client.take(type).contents == ["a": "1", "b": "1", "c": "1"])
      try await client.unsubscribe(type, ["b", "c"])
      // A new name, whose answer tells that the other request has been read.
      try await client.subscribe(type, ["c"])
      #expect(
        try await client.take(type).contents == expected(variant, type, changed: ["c": "1"], all: ["a": "1", "c": "1"]))
      cache.publish(try Snapshot(make(type, ["a", "b@2", "c"])))
      cache.publish(try Snapshot(make(type, ["a@2", "b@2", "c"])))
      #expect(
        try await client.take(type).contents == expected(variant, type, changed: ["a": "2"], all: ["a": "2", "c": "1"]))
    }
  }

  @Test("AC-108: who unsubscribes from everything hears nothing", arguments: Variant.all, types)
  func unsubscribeAll(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b"])) { cache, client, plane in
      try await client.subscribe(type, ["a", "b"])
      #expect(try await client.take(type).contents == ["a": "1", "b": "1"])
      try await client.unsubscribe(type, ["a", "b"])
      try await plane.waitForStreams { $0[type]?.subscription.isEmpty == true }
      cache.publish(try Snapshot(make(type, ["a@2", "b@2"])))
      cache.publish(try Snapshot(make(type, ["a@3"])))
      // Nothing came in between; and it is no wildcard.
      try await client.subscribe(type, ["a"])
      #expect(try await client.take(type).contents == ["a": "3"])
    }
  }
}
