// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import EnvoyAPI
import ExtProcTesting
import Testing

@testable import XDS

@Suite("Services of a control plane", .timeLimit(.minutes(1)))
struct ServicesTests {
  private static let onlyDelta: Set<ResourceType> = [.lbEndpoint, .virtualHost]
  private static let types = ResourceType.additionOrder.filter { $0 != .rateLimitConfig }

  @Test("AC-1, AC-20, AC-21: each type has a service, on which only it is served", arguments: types)
  func services(type: ResourceType) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(Self.types.map { make($0, "r") }))
    var configuration = XDSServer.Configuration()
    configuration.identifier = "test-plane"
    try await ControlPlane.run(cache, configuration: configuration) { plane in
      for speaks in DiscoveryProtocol.allCases where speaks == .delta || !Self.onlyDelta.contains(type) {
        let channel = try await plane.channel()
        let stream = try await WireStream.open(channel, speaks, type)
        // The service says which type is meant.
        switch stream {
        case .stateOfTheWorld(let stream): try await stream.send(.asking(of: ResourceType(typeURL: "")))
        case .delta(let stream): try await stream.send(.asking(of: ResourceType(typeURL: "")))
        }
        let answer = try await stream.next(type)
        #expect(answer.contents == ["r": "1"] && answer.nonce == "1")
        #expect(!answer.version.isEmpty && answer.controlPlane == "test-plane")
        try await stream.ask(type == .runtime ? .cluster : .runtime)
        #expect(await stream.status.code == .invalidArgument)
      }
    }
  }

  @Test("the configurations of rate limits have a service too")
  func rateLimits() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.rateLimitConfig, "r")]))
    try await ControlPlane.run(cache) { plane in
      let call = try await plane.channel().call(
        "/ratelimit.service.ratelimit.v3.RateLimitConfigDiscoveryService/StreamRlsConfigs")
      try await call.send(Envoy_Service_Discovery_V3_DiscoveryRequest.asking(of: .rateLimitConfig))
      let response = try #require(try await call.next(Envoy_Service_Discovery_V3_DiscoveryResponse.self))
      #expect(try Answer(response).contents == ["r": "1"])
    }
  }

  @Test("AC-10, AC-21: types that nobody has heard of do no harm", arguments: Variant.aggregated)
  func unknownTypes(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a")]))
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(variant)
      let types = ["one", "two"].map { ResourceType(typeURL: "type.googleapis.com/\($0)") }
      for index in 0..<10 { try await client.subscribe(types[index % 2], ["\(index)"]) }
      // Delta tells of each that it does not exist; State of the World cannot.
      for index in 0..<10 where variant.speaks == .delta {
        #expect(try await client.next(types[index % 2]).removed == ["\(index)"])
      }
      try await client.subscribe(.cluster)
      #expect(try await client.next(.cluster).contents == ["a": "1"])
    }
  }

  @Test("AC-11: of a type that no cache has, nothing is said, and the stream goes on", arguments: Variant.aggregated)
  func noCache(variant: Variant) async throws {
    let clusters = try LinearCache(.cluster, [make(.cluster, "a")])
    let cache = MuxCache([.cluster: clusters])
    try await ControlPlane.run(cache) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.listener)
      try await client.subscribe(.secret, ["s"])
      try await client.subscribe(.cluster)
      #expect(try await client.take(.cluster).contents == ["a": "1"])
      try clusters.update([make(.cluster, "a", "2")])
      #expect(try await client.next(.cluster).contents == ["a": "2"])
    }
    #expect(clusters.watchers() == 0)
  }
}
