// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import XDS

@Suite("Conformance of the incremental protocol", .timeLimit(.minutes(1)))
struct DeltaConformanceTests {
  private static let variants = Variant.all.filter { $0.speaks == .delta }
  private static let types: [ResourceType] = [.cluster, .listener, .routeConfiguration, .clusterLoadAssignment]

  private func run(
    _ variant: Variant, _ resources: [Resource],
    _ body: (SnapshotCache, WireClient, ControlPlane) async throws -> Void
  ) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(resources))
    try await ControlPlane.run(cache) { plane in try await body(cache, try await plane.client(variant), plane) }
  }

  @Test("AC-109: one name after the other, each answered by itself", arguments: variants, types)
  func oneByOne(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b", "c"])) { cache, client, _ in
      var nonces: Set<String> = []
      for name in ["a", "b", "c"] {
        try await client.subscribe(type, [name])
        let answer = try await client.take(type)
        #expect(answer.contents == [name: "1"])
        #expect(answer.versions == [name: cache.snapshot()?[type]?[name]?.version])
        nonces.insert(answer.nonce)
      }
      let before = cache.snapshot()?[type]?["a"]?.version
      cache.publish(try Snapshot(make(type, ["a@2", "b", "c"])))
      let changed = try await client.take(type)
      #expect(changed.contents == ["a": "2"] && changed.versions["a"] != before)
      #expect(nonces.insert(changed.nonce).inserted && nonces.count == 4)
    }
  }

  @Test("AC-109: what does not exist is told, and comes when it does", arguments: variants, types)
  func missing(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a"])) { cache, client, _ in
      try await client.subscribe(type, ["z"])
      let none = try await client.take(type)
      #expect(none.contents.isEmpty && none.removed == ["z"])
      cache.publish(try Snapshot(make(type, ["a@2"])))
      cache.publish(try Snapshot(make(type, ["a@2", "z"])))
      let created = try await client.take(type)
      #expect(created.contents == ["z": "1"] && created.removed.isEmpty)
    }
  }

  @Test("AC-109: a removal is told, and so is the return", arguments: variants, types)
  func removed(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b"])) { cache, client, _ in
      try await client.subscribe(type, ["a", "b"])
      #expect(try await client.take(type).contents == ["a": "1", "b": "1"])
      cache.publish(try Snapshot(make(type, ["b"])))
      let removed = try await client.take(type)
      #expect(removed.contents.isEmpty && removed.removed == ["a"])
      cache.publish(try Snapshot(make(type, ["a@2", "b"])))
      #expect(try await client.take(type).contents == ["a": "2"])
    }
  }

  @Test("AC-109: of names that were given up, one after the other, nothing comes", arguments: variants, types)
  func unsubscribed(variant: Variant, type: ResourceType) async throws {
    try await run(variant, make(type, ["a", "b", "probe"])) { cache, client, plane in
      try await client.subscribe(type, ["a", "b"])
      try await client.take(type)
      try await client.unsubscribe(type, ["b"])
      try await plane.waitForStreams { $0[type]?.subscription.names == ["a"] }
      cache.publish(try Snapshot(make(type, ["a", "b@2", "probe"])))
      cache.publish(try Snapshot(make(type, ["a@2", "b@2", "probe"])))
      #expect(try await client.take(type).contents == ["a": "2"])
      try await client.unsubscribe(type, ["a"])
      try await plane.waitForStreams { $0[type]?.subscription.isEmpty == true }
      cache.publish(try Snapshot(make(type, ["a@3", "b@3", "probe"])))
      try await client.subscribe(type, ["probe"])
      let answer = try await client.take(type)
      #expect(answer.contents == ["probe": "1"] && answer.removed.isEmpty)
    }
  }

  @Test("AC-109: several types on one stream, or on their own", arguments: variants)
  func severalTypes(variant: Variant) async throws {
    try await run(variant, Self.types.flatMap { make($0, ["a", "b"]) }) { cache, client, _ in
      for type in Self.types {
        try await client.subscribe(type, ["b"])
        #expect(try await client.take(type).contents == ["b": "1"])
      }
      for changed in Self.types {
        cache.publish(try Snapshot(Self.types.flatMap { make($0, ["a@2", $0 == changed ? "b@\($0)" : "b"]) }))
        #expect(try await client.take(changed).contents["b"] == "\(changed)")
        cache.publish(try Snapshot(Self.types.flatMap { make($0, ["a@2", "b"]) }))
        #expect(try await client.take(changed).contents == ["b": "1"])
      }
    }
  }
}
