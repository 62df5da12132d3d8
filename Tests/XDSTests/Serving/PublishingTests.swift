// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import Testing

@testable import XDS

@Suite("What is published reaches the streams that are open", .timeLimit(.minutes(1)))
struct PublishingTests {
  private static let types: [ResourceType] = [
    .cluster, .clusterLoadAssignment, .listener, .routeConfiguration, .secret, .runtime, .extensionConfig,
  ]

  private func snapshot(_ version: String = "1", of changed: [ResourceType] = types) throws -> Snapshot {
    try Snapshot(Self.types.map { make($0, "r", changed.contains($0) ? version : "1") })
  }

  @Test(
    "AC-52, AC-62: streams that wait are answered by the first publication, and after that of what changed",
    arguments: Variant.all)
  func waiting(variant: Variant) async throws {
    let cache = SnapshotCache()
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(variant)
      for type in Self.types { try await client.subscribe(type, ["r"]) }
      try await plane.waitForStreams(variant.isAggregated ? 1 : Self.types.count)
      try await plane.waitForStreams { $0.types.count == (variant.isAggregated ? Self.types.count : 1) }
      cache.publish(try snapshot())
      // In the order in which they are used.
      let order = Self.types.sorted { $0.additionRank < $1.additionRank }
      var versions: [ResourceType: String] = [:]
      for type in order {
        let answer = try await client.take(type)
        #expect(answer.contents == ["r": "1"])
        versions[type] = answer.version
      }
      try await plane.waitForAnswers()
      cache.publish(try snapshot("2", of: [.clusterLoadAssignment]))
      let changed = try await client.take(.clusterLoadAssignment)
      #expect(changed.contents == ["r": "2"] && changed.version != versions[.clusterLoadAssignment])
      // Nothing else came in between: it is the next response of each stream.
      try await plane.waitForAnswers()
      cache.publish(try snapshot("3"))
      for type in order { #expect(try await client.take(type).contents == ["r": "3"]) }
      try await plane.waitForAnswers()
      cache.publish(try snapshot("1"))
      for type in order { #expect(try await client.take(type).version == versions[type]) }
    }
  }

  @Test("AC-62: names in place of everything: what else changes is no longer sent")
  func narrowed() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(make(.clusterLoadAssignment, ["a", "b"])))
    try await ControlPlane.run(cache) { plane in
      let stream = try await plane.channel().deltaDiscoveryStream()
      try await stream.send(.asking(of: .clusterLoadAssignment))
      let first = try await stream.next(.clusterLoadAssignment)
      #expect(first.resources.map(\.name) == ["a", "b"])
      var request = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest.answering(first)
      (request.resourceNamesSubscribe, request.resourceNamesUnsubscribe) = (["b"], ["*"])
      try await stream.send(request)
      // A name that is asked for is answered, though the client has it.
      let second = try await stream.next(.clusterLoadAssignment)
      #expect(second.resources.map(\.name) == ["b"])
      try await stream.send(.answering(second))
      cache.publish(try Snapshot(make(.clusterLoadAssignment, ["a@2", "b"])))
      cache.publish(try Snapshot(make(.clusterLoadAssignment, ["a@2", "b@2"])))
      #expect(try await stream.next(.clusterLoadAssignment).resources.map(\.name) == ["b"])
    }
  }

  @Test(
    "AC-57: what is cleared stays with the clients, and the next publication reaches them without a request",
    arguments: Variant.all)
  func clear(variant: Variant) async throws {
    let cache = SnapshotCache(group: .byID)
    cache.publish(try snapshot(), for: "node")
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.cluster)
      try await client.take(.cluster)
      cache.clear("node")
      #expect(cache.keys.isEmpty && cache.snapshot(for: "node") == nil)
      // Who comes while nothing is published waits.
      let other = try await plane.client(variant)
      try await other.subscribe(.cluster)
      try await cache.waitForWatchers(2)
      cache.publish(try snapshot("2"), for: "node")
      #expect(cache.keys == ["node"])
      #expect(try await client.next(.cluster).contents == ["r": "2"])
      #expect(try await other.next(.cluster).contents == ["r": "2"])
    }
  }

  @Test("AC-57: resources that are published no longer are removed", arguments: Variant.all)
  func removed(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(make(.cluster, ["a", "b"])))
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.cluster)
      try await client.take(.cluster)
      cache.publish(try Snapshot(make(.cluster, ["b"])))
      let answer = try await client.next(.cluster)
      #expect(answer.contents == (variant.speaks == .delta ? [:] : ["b": "1"]))
      #expect(answer.removed == (variant.speaks == .delta ? ["a"] : []))
    }
  }

  @Test("AC-59: heartbeats before anything is published harm nothing", arguments: DiscoveryProtocol.allCases)
  func heartbeats(speaks: DiscoveryProtocol) async throws {
    let cache = SnapshotCache()
    var configuration = XDSServer.Configuration()
    configuration.heartbeatInterval = .milliseconds(5)
    try await ControlPlane.run(cache, configuration: configuration) { plane in
      let client = try await plane.client(Variant(speaks: speaks, isAggregated: true))
      try await client.subscribe(.clusterLoadAssignment, ["brief"])
      try await cache.waitForWatchers(1)
      cache.publish(try Snapshot([make(.clusterLoadAssignment, "brief", ttl: .seconds(1))]))
      #expect(try await client.take(.clusterLoadAssignment).contents == ["brief": "1"])
    }
  }
}
