// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import XDS

@Suite("What clients have, as CSDS tells", .timeLimit(.minutes(1)))
struct ClientStatusTests {
  private typealias Request = Envoy_Service_Status_V3_ClientStatusRequest
  private typealias Response = Envoy_Service_Status_V3_ClientStatusResponse
  private typealias Status = Envoy_Service_Status_V3_ClientConfig.GenericXdsConfig
  private static let service = "/envoy.service.status.v3.ClientStatusDiscoveryService"

  private func fetch(_ plane: ControlPlane, _ request: Request = Request()) async throws -> Response {
    try await plane.channel().unary("\(Self.service)/FetchClientStatus", request)
  }

  /// Asks again and again, as nobody tells when an answer of the client has arrived.
  private func wait(_ plane: ControlPlane, until isThere: ([Status]) -> Bool) async throws -> [Status] {
    let channel = try await plane.channel()
    while true {
      try Task.checkCancellation()
      let response: Response = try await channel.unary("\(Self.service)/FetchClientStatus", Request())
      let all = response.config.flatMap(\.genericXdsConfigs)
      if isThere(all) { return all }
    }
  }

  @Test("synced, not yet answered, refused with the reason, and missing", arguments: Variant.aggregated)
  func states(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a")]))
    try await ControlPlane.run(cache) { plane in
      #expect(try await fetch(plane).config.isEmpty)
      let client = try await plane.client(variant)
      try await client.subscribe(.cluster, ["a", "missing"])
      let first = try await client.next(.cluster)
      var statuses = try await wait(plane) { $0.count == 2 }
      #expect(statuses.map(\.name) == ["a", "missing"])
      #expect(statuses.map(\.configStatus) == [.stale, .notSent])
      #expect(statuses.map(\.clientStatus) == [.requested, .doesNotExist])

      try await client.accept(first)
      statuses = try await wait(plane) { $0.first?.clientStatus == .acked }
      #expect(statuses[0].configStatus == .synced && statuses[0].typeURL == ResourceType.cluster.typeURL)
      #expect(statuses[0].versionInfo == cache.snapshot()?[.cluster]?["a"]?.version)
      #expect(String(decoding: statuses[0].xdsConfig.value, as: UTF8.self) == "a=1")

      cache.publish(try Snapshot([make(.cluster, "a", "2")]))
      let second = try await client.next(.cluster)
      #expect(try await wait(plane) { _ in true }[0].configStatus == .stale)
      try await client.refuse(second, "too new")
      statuses = try await wait(plane) { $0.first?.clientStatus == .nacked }
      #expect(statuses[0].configStatus == .error && statuses[0].errorState.details == "too new")
      #expect(statuses[0].errorState.versionInfo == cache.snapshot()?[.cluster]?["a"]?.version)
      try await client.stream(.cluster).call.halfClose()
      try await plane.waitForStreams(0)
      #expect(try await fetch(plane).config.isEmpty)
    }
  }

  @Test("secrets are named and never shown, and others only where contents are asked for")
  func secrets() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.secret, "s", "hidden"), make(.listener, "l", "shown")]))
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(Variant(speaks: .delta, isAggregated: true))
      for type in [ResourceType.secret, .listener] {
        try await client.subscribe(type)
        try await client.take(type)
      }
      let statuses = try await wait(plane) { $0.count { $0.clientStatus == .acked } == 2 }
      #expect(Set(statuses.map(\.name)) == ["s", "l"])
      for status in statuses { #expect(status.hasXdsConfig == (status.name == "l")) }
      let whole = try await fetch(plane)
      #expect(!whole.debugDescription.contains("hidden") && whole.debugDescription.contains("shown"))
      let bare = try await fetch(plane, .with { $0.excludeResourceContents = true })
      #expect(bare.config.flatMap(\.genericXdsConfigs).allSatisfy { !$0.hasXdsConfig })
    }
  }

  @Test("each client is there with its node, and a request may choose among them, once or as a stream")
  func nodes() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a")]))
    try await ControlPlane.run(cache) { plane in
      let clients = [
        try await plane.client(Variant(speaks: .delta, isAggregated: true), node: "edge-1"),
        try await plane.client(Variant(speaks: .stateOfTheWorld, isAggregated: false), node: "inner-1"),
      ]
      for client in clients {
        try await client.subscribe(.cluster)
        try await client.take(.cluster)
      }
      #expect(try await fetch(plane).config.map(\.node.id) == ["edge-1", "inner-1"])
      let call = try await plane.channel().call("\(Self.service)/StreamClientStatus")
      let patterns: [(Envoy_Type_Matcher_V3_StringMatcher.OneOf_MatchPattern, Bool, [String])] = [
        (.exact("edge-1"), false, ["edge-1"]), (.prefix("inner"), false, ["inner-1"]), (.prefix("INNER"), false, []),
        (.suffix("-1"), false, ["edge-1", "inner-1"]), (.contains("NNE"), true, ["inner-1"]), (.exact("x"), false, []),
      ]
      for (pattern, ignoresCase, expected) in patterns {
        try await call.send(
          Request.with {
            $0.nodeMatchers = [
              .with {
                $0.nodeID.matchPattern = pattern
                $0.nodeID.ignoreCase = ignoresCase
              }
            ]
          })
        let response = try #require(try await call.next(Response.self))
        #expect(response.config.map(\.node.id) == expected, "\(pattern)")
      }
      call.halfClose()
      #expect(await call.ending.status == .ok)
    }
  }
}
