// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

/// Our two sides together: rules that only show where both keep them.
@Suite("A client that plays Envoy and our control plane", .timeLimit(.minutes(1)))
struct ControlPlaneTests {
  static let kinds: [DiscoveryConfiguration] = DiscoveryConfiguration.Variant.allCases.flatMap { variant in
    [DiscoveryConfiguration.Streams.aggregated, .separate].map { streams in
      var configuration = DiscoveryConfiguration(variant)
      configuration.streams = streams
      return configuration
    }
  }

  @Test("everything arrives, is acknowledged, changes, and goes", arguments: kinds)
  func lifetime(configuration: DiscoveryConfiguration) async throws {
    try await run(configuration) { cache, envoy, _ async throws in
      var state = try await envoy.wait { $0.held(.routeConfiguration)["r"] != nil && $0.warming.isEmpty }
      #expect(state.responses.allSatisfy { $0.refusal == nil })

      // A cluster changes, and its endpoints do not: they are sent all the same.
      await publish(cache, content: 2)
      state = try await envoy.wait {
        $0.held(.cluster)["a"]?.body == Body.cluster("a", content: 2) && $0.warming.isEmpty
      }

      // All is replaced: what goes is removed once nothing uses it.
      await publish(cache, cluster: "b", route: "q")
      state = try await envoy.wait { state in
        let types: [ResourceType] = [.cluster, .clusterLoadAssignment, .routeConfiguration]
        return types.map { state.held($0).keys.sorted() } == [["b"], ["b"], ["q"]] && state.warming.isEmpty
      }
      #expect(state.responses.allSatisfy { $0.refusal == nil })
    }
  }

  @Test("what is held is not sent again on a new stream, and what changed meanwhile is", arguments: kinds)
  func reconnect(configuration: DiscoveryConfiguration) async throws {
    try await run(configuration) { cache, envoy, channel async throws in
      let held = try await envoy.wait { $0.held(.routeConfiguration)["r"] != nil }
      envoy.disconnect()
      await publish(cache, content: 3)
      envoy.connect(over: channel)
      let state = try await envoy.wait {
        $0.held(.cluster)["a"]?.body == Body.cluster("a", content: 3) && $0.warming.isEmpty
      }
      #expect(state.held(.listener) == held.held(.listener))
    }
  }

  @Test("a refusal is told to who published, and not answered", arguments: kinds)
  func refusal(configuration: DiscoveryConfiguration) async throws {
    var configuration = configuration
    configuration.refuses = { reference, body in
      body == Body.cluster("a", content: 9) ? "\(reference) is bad" : nil
    }
    try await run(configuration) { cache, envoy, _ async throws in
      try await envoy.wait { $0.held(.routeConfiguration)["r"] != nil && $0.warming.isEmpty }
      let outcomes = await publish(cache, content: 9)
      #expect(outcomes.map(\.description).contains("test refused Cluster 'a': Cluster 'a' is bad"))
      await publish(cache, content: 10)
      let state = try await envoy.wait { $0.held(.cluster)["a"]?.body == Body.cluster("a", content: 10) }
      #expect(state.responses(.cluster).filter { $0.refusal != nil }.count == 1)
    }
  }

  // MARK: -

  @discardableResult
  private func publish(
    _ cache: SnapshotCache, cluster: String = "a", content: UInt8 = 1, route: String = "r"
  ) async -> [ClientOutcome] {
    let endpoints = ResourceReference(.clusterLoadAssignment, cluster)
    let resources = [
      Resource(.cluster, name: cluster, body: Body.cluster(cluster, content: content), references: [endpoints]),
      Resource(.clusterLoadAssignment, name: cluster, body: Body.named(cluster)),
      Resource(
        .listener, name: "l", body: Body.listener("l", route: route),
        references: [ResourceReference(.routeConfiguration, route)]),
      Resource(
        .routeConfiguration, name: route, body: Body.named(route), references: [ResourceReference(.cluster, cluster)]),
    ]
    guard let snapshot = try? Snapshot(resources) else { return [] }
    return await cache.publish(snapshot).converged()
  }

  private func run(
    _ configuration: DiscoveryConfiguration, _ body: (SnapshotCache, DiscoveryClient, GRPCChannel) async throws -> Void
  ) async throws {
    let cache = SnapshotCache()
    await publish(cache)
    try await ScriptedServer.run(XDSServer(cache).services) { channel in
      let envoy = DiscoveryClient(configuration)
      envoy.connect(over: channel)
      try await body(cache, envoy, channel)
      envoy.disconnect()
    }
  }
}
