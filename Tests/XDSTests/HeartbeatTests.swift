// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import NIOCore
import SwiftProtobuf
import Testing

@testable import XDS

@Suite struct HeartbeatTests {
  private typealias WireResource = Envoy_Service_Discovery_V3_Resource

  private func resources(_ version: String = "1") -> [Resource] {
    [make(.clusterLoadAssignment, "brief", version, ttl: .seconds(1)), make(.clusterLoadAssignment, "lasting")]
  }

  @Test("AC-30: delta resources have their TTL, heartbeats no content")
  func delta() throws {
    let harness = try DiscoveryHarness(.delta, resources())
    let response = try #require(try harness.respond { try $0.delta(.clusterLoadAssignment) })
    let first = try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(
      serializedBytes: Array(response.body.readableBytesView))
    #expect(first.resources.map(\.hasTtl) == [true, false] && first.resources[0].ttl.seconds == 1)
    // Not before the client has answered.
    #expect(harness.heartbeats().isEmpty)
    _ = try harness.delta(.clusterLoadAssignment, nonce: "1")
    let heartbeat = try #require(harness.heartbeats().first)
    let wire = try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(
      serializedBytes: Array(heartbeat.body.readableBytesView))
    #expect(wire.resources.map(\.name) == ["brief"])
    #expect(!wire.resources[0].hasResource && wire.resources[0].ttl.seconds == 1)
    #expect(wire.resources[0].version == first.resources[0].version)
    _ = try harness.delta(.clusterLoadAssignment, nonce: "2")
    #expect(harness.heartbeats().map(\.nonce) == ["3"])
  }

  @Test("AC-58, AC-61: State of the World wraps resources with a TTL, for clients that take them so")
  func stateOfTheWorld() throws {
    let harness = try DiscoveryHarness(.stateOfTheWorld, resources())
    harness.state.wrapsResources = true
    let response = try #require(try harness.respond { try $0.request(.clusterLoadAssignment, ["brief", "lasting"]) })
    func wrapped(_ response: DiscoveryResponse) throws -> [WireResource?] {
      try Envoy_Service_Discovery_V3_DiscoveryResponse(serializedBytes: Array(response.body.readableBytesView))
        .resources.map { $0.isA(WireResource.self) ? try WireResource(unpackingAny: $0) : nil }
    }
    let first = try wrapped(response)
    #expect(first.count == 2 && first[1] == nil)
    #expect(first[0]?.name == "brief" && first[0]?.ttl.seconds == 1 && first[0]?.hasResource == true)
    _ = try harness.request(
      .clusterLoadAssignment, ["brief", "lasting"], version: response.version, nonce: response.nonce)
    let heartbeat = try #require(harness.heartbeats().first)
    let second = try wrapped(heartbeat)
    #expect(second.map { $0?.name } == ["brief"] && second[0]?.hasResource == false && second[0]?.ttl.seconds == 1)
    #expect(heartbeat.version == response.version)
  }

  @Test("State of the World: a heartbeat of clusters has them all, for what it lacks would be deleted")
  func whole() throws {
    let harness = try DiscoveryHarness(
      .stateOfTheWorld, [make(.cluster, "brief", ttl: .seconds(1)), make(.cluster, "lasting")])
    harness.state.wrapsResources = true
    let sent = try harness.request(.cluster)
    _ = try harness.accept(sent[0])
    let heartbeat = try #require(harness.heartbeats().first)
    #expect(heartbeat.names == ["brief", "lasting"] && heartbeat.version == sent[0].version)
    #expect(decodeResources(heartbeat.body, .stateOfTheWorld).last == Array("lasting=1".utf8))
  }

  @Test("State of the World: a heartbeat has the version that the client accepted last")
  func acceptedVersion() throws {
    let harness = try DiscoveryHarness(.stateOfTheWorld, resources())
    harness.state.wrapsResources = true
    let sent = try harness.request(.clusterLoadAssignment, ["brief"])
    _ = try harness.accept(sent[0], ["brief"])
    #expect(try harness.publish(resources() + make(.clusterLoadAssignment, ["another"])).isEmpty)
    #expect(harness.heartbeats().map(\.version) == [sent[0].version])
  }

  @Test("A client that does not take wrapped resources gets them bare, and no heartbeats")
  func bare() throws {
    let harness = try DiscoveryHarness(.stateOfTheWorld, resources())
    let sent = try harness.request(.clusterLoadAssignment, ["brief"])
    #expect(sent[0].contents == ["brief": "brief=1"])
    _ = try harness.accept(sent[0], ["brief"])
    #expect(harness.heartbeats().isEmpty)
  }

  @Test("AC-60: heartbeats never tell of another version than the client was sent, nor of other types")
  func notOlder() throws {
    let harness = try DiscoveryHarness(.delta, resources() + make(.cluster, ["c"]))
    for type in [ResourceType.cluster, .clusterLoadAssignment] {
      let sent = try harness.delta(type)
      _ = try harness.accept(sent[0])
    }
    #expect(harness.heartbeats().map(\.type) == [.clusterLoadAssignment])
    harness.snapshot = try Snapshot(resources("2"))
    #expect(harness.heartbeats().isEmpty)
  }
}
