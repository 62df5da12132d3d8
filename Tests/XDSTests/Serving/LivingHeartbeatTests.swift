// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import XDS

@Suite("Heartbeats over gRPC", .timeLimit(.minutes(1)))
struct LivingHeartbeatTests {
  private typealias Wrapped = Envoy_Service_Discovery_V3_Resource

  private func run(_ body: (SnapshotCache, ControlPlane) async throws -> Void) async throws {
    let cache = SnapshotCache()
    cache.publish(
      try Snapshot([make(.clusterLoadAssignment, "brief", ttl: .seconds(1)), make(.cluster, "lasting")]))
    var configuration = XDSServer.Configuration()
    configuration.heartbeatInterval = .milliseconds(5)
    try await ControlPlane.run(cache, configuration: configuration) { try await body(cache, $0) }
  }

  @Test("AC-60, AC-61: wrapped, then without content, and only of what has a TTL, State of the World")
  func stateOfTheWorld() async throws {
    try await run { _, plane in
      let stream = try await plane.channel().discoveryStream()
      var request = Envoy_Service_Discovery_V3_DiscoveryRequest.asking(of: .cluster)
      request.node.clientFeatures = ["xds.config.resource-in-sotw"]
      try await stream.send(request)
      try await stream.send(.answering(try await stream.next(.cluster)))
      try await stream.send(.asking(for: ["brief"], of: .clusterLoadAssignment))
      let first = try await stream.next(.clusterLoadAssignment)
      #expect(try Wrapped(unpackingAny: first.resources[0]).hasResource)
      var last = first
      for _ in 0..<3 {
        try await stream.send(.answering(last, for: ["brief"]))
        last = try await stream.next(.clusterLoadAssignment)
        let resource = try Wrapped(unpackingAny: last.resources[0])
        #expect(resource.name == "brief" && resource.ttl.seconds == 1 && !resource.hasResource)
        #expect(last.versionInfo == first.versionInfo && last.resources.count == 1)
      }
    }
  }

  @Test("AC-30, AC-60: delta, and never in an older version")
  func delta() async throws {
    try await run { cache, plane in
      let stream = try await plane.channel().deltaDiscoveryStream()
      try await stream.send(.asking(of: .cluster))
      try await stream.send(.answering(try await stream.next(.cluster)))
      try await stream.send(.asking(of: .clusterLoadAssignment))
      var last = try await stream.next(.clusterLoadAssignment)
      let version = last.resources[0].version
      for _ in 0..<3 {
        try await stream.send(.answering(last))
        last = try await stream.next(.clusterLoadAssignment)
        #expect(last.resources.map(\.name) == ["brief"] && !last.resources[0].hasResource)
        #expect(last.resources[0].version == version && last.resources[0].ttl.seconds == 1)
      }
      cache.publish(
        try Snapshot([make(.clusterLoadAssignment, "brief", "2", ttl: .seconds(1)), make(.cluster, "lasting")]))
      repeat {
        try await stream.send(.answering(last))
        last = try await stream.next(.clusterLoadAssignment)
      } while !last.resources[0].hasResource
      let changed = last.resources[0].version
      #expect(changed != version)
      try await stream.send(.answering(last))
      last = try await stream.next(.clusterLoadAssignment)
      #expect(last.resources[0].version == changed && !last.resources[0].hasResource)
    }
  }
}
