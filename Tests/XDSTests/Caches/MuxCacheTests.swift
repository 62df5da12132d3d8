// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import Testing

@testable import XDS

@Suite("Several caches as one", .timeLimit(.minutes(1)))
struct MuxCacheTests {
  @Test("AC-11: each type is of its own cache, and of none where there is no other")
  func types() throws {
    let endpoints = try LinearCache(.clusterLoadAssignment)
    let others = SnapshotCache()
    let mux = MuxCache([.clusterLoadAssignment: endpoints], others: others)
    func feed(_ cache: any DiscoveryCache, _ type: ResourceType) -> ConfigurationFeed? {
      cache.feed(for: Node(), type: type)
    }
    #expect(feed(mux, .clusterLoadAssignment) === feed(endpoints, .clusterLoadAssignment))
    #expect(feed(mux, .listener) === feed(others, .listener))
    #expect(feed(MuxCache([.clusterLoadAssignment: endpoints]), .listener) == nil)
  }

  @Test("AC-78, AC-81: one stream gets from both, in the order of use", arguments: Variant.all)
  func stream(variant: Variant) async throws {
    let endpoints = try LinearCache(.clusterLoadAssignment, make(.clusterLoadAssignment, ["e"]))
    let others = SnapshotCache()
    try await ControlPlane.run(MuxCache([.clusterLoadAssignment: endpoints], others: others)) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.clusterLoadAssignment, ["e"])
      #expect(try await client.take(.clusterLoadAssignment).contents == ["e": "1"])
      try await client.subscribe(.cluster)
      try await others.waitForWatchers(1)
      others.publish(try Snapshot(make(.cluster, ["c"])))
      #expect(try await client.take(.cluster).contents == ["c": "1"])
      let report = try endpoints.update(make(.clusterLoadAssignment, ["e@2"]))
      #expect(try await client.take(.clusterLoadAssignment).contents == ["e": "2"])
      #expect(await report.converged(timeout: .seconds(600)).map(\.result) == [.acknowledged])
    }
  }
}
