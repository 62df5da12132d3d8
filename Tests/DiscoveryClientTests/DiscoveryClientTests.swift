// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Testing

@Suite("A client that plays Envoy", .timeLimit(.minutes(1)))
struct DiscoveryClientTests {
  private static let bodies: [ResourceType: [UInt8]] = [
    .cluster: Body.cluster("a"), .clusterLoadAssignment: Body.named("a"),
    .listener: Body.listener("l", route: "r"), .routeConfiguration: Body.named("r"),
  ]

  /// Answers the first request of each type.
  @Sendable private static func answer(_ request: Request, _ responses: GRPCResponses) async throws {
    let type = ResourceType(typeURL: request.typeURL)
    guard request.responseNonce.isEmpty, let body = bodies[type] else { return }
    try await responses.send(Response.of(type, "1", [body]))
  }

  @Test("it asks and follows until everything is there")
  func start() async throws {
    try await ScriptedServer.run(ScriptedServer.aggregated(Self.answer)) { channel in
      let envoy = DiscoveryClient(DiscoveryConfiguration(.stateOfTheWorld))
      envoy.connect(over: channel)
      let state = try await envoy.wait { $0.responses.count == 4 }
      #expect(state.responses.map(\.type) == [.cluster, .clusterLoadAssignment, .listener, .routeConfiguration])
      #expect(state.responses.map(\.names) == [["a"], ["a"], ["l"], ["r"]])
      #expect(state.responses[0].nonce == "Cluster 1")
      #expect(state.held(.routeConfiguration)["r"]?.body == Self.bodies[.routeConfiguration])
      #expect(state.warming.isEmpty)
      #expect(state.names(.clusterLoadAssignment) == ["a"])
      envoy.disconnect()
    }
  }

  @Test("it does so in the incremental variant, and refuses what it is told to")
  func incremental() async throws {
    let services = ScriptedServer.aggregatedDelta { request, responses in
      let type = ResourceType(typeURL: request.typeURL)
      if request.hasErrorDetail {
        try await responses.send(DeltaResponse.delta(type, "2", removed: [request.errorDetail.message]))
      } else if request.responseNonce.isEmpty {
        try await responses.send(DeltaResponse.delta(type, "1", [Self.bodies[type] ?? []]))
      }
    }
    try await ScriptedServer.run(services) { channel in
      var configuration = DiscoveryConfiguration(.incremental)
      configuration.refuses = { reference, _ in reference.type == .listener ? "no listeners" : nil }
      let envoy = DiscoveryClient(configuration)
      envoy.connect(over: channel)
      let state = try await envoy.wait { $0.responses(.listener).count == 2 }
      #expect(state.responses(.listener)[0].refusal == "no listeners")
      #expect(state.responses(.listener)[1].removed == ["no listeners"])
      #expect(state.held(.listener).isEmpty)
      envoy.disconnect()
    }
  }

  @Test("it is told how a stream ended, and connects again with the versions that it holds")
  func reconnect() async throws {
    let services = ScriptedServer.aggregated { request, responses in
      guard request.typeURL == ResourceType.cluster.typeURL else { return }
      guard request.responseNonce.isEmpty else { throw GRPCStatus(.unavailable, "restarting") }
      try await responses.send(Response.of(.cluster, "\(request.versionInfo)1", [Body.staticCluster("a")]))
    }
    try await ScriptedServer.run(services) { channel in
      let envoy = DiscoveryClient(DiscoveryConfiguration(.stateOfTheWorld))
      envoy.connect(over: channel)
      await #expect(throws: GRPCStatus(.unavailable, "restarting")) { try await envoy.wait { _ in false } }
      let ending = try await envoy.ending()
      #expect(ending == GRPCStatus(.unavailable, "restarting"))
      envoy.connect(over: channel)
      try await envoy.wait { $0.held(.cluster)["a"]?.version == "11" }
      envoy.disconnect()
    }
  }

  @Test("each type has a stream of its own where that is wished")
  func separate() async throws {
    let services = [
      GRPCService(
        "envoy.service.cluster.v3.ClusterDiscoveryService",
        methods: [ScriptedServer.method("StreamClusters", Self.answer)]),
      GRPCService(
        "envoy.service.endpoint.v3.EndpointDiscoveryService",
        methods: [ScriptedServer.method("StreamEndpoints", Self.answer)]),
      GRPCService(
        "envoy.service.listener.v3.ListenerDiscoveryService",
        methods: [ScriptedServer.method("StreamListeners", Self.answer)]),
    ]
    try await ScriptedServer.run(services) { channel in
      var configuration = DiscoveryConfiguration(.stateOfTheWorld)
      configuration.streams = .separate
      let envoy = DiscoveryClient(configuration)
      envoy.connect(over: channel)
      // Nobody serves routes, which ends their stream alone.
      let ending = try await envoy.ending(of: .routeConfiguration)
      #expect(ending.code == .unimplemented)
      #expect(envoy.state.responses.map(\.type) == [.cluster, .clusterLoadAssignment, .listener])
      #expect(envoy.state.warming == [ResourceReference(.listener, "l")])
      envoy.disconnect()
    }
  }

  @Test("a test asks by itself, and lets time pass")
  func byHand() async throws {
    let services = ScriptedServer.aggregated { request, responses in
      guard request.responseNonce.isEmpty || request.resourceNames.count == 2 else { return }
      let type = ResourceType(typeURL: request.typeURL)
      guard request.responseNonce != "both" else { return }
      let nonce = request.resourceNames.count == 2 ? "both" : "one"
      try await responses.send(Response.of(type, "1", nonce: nonce, request.resourceNames.map { Body.named($0) }))
    }
    try await ScriptedServer.run(services) { channel in
      var configuration = DiscoveryConfiguration(.stateOfTheWorld)
      configuration.asksByItself = false
      let envoy = DiscoveryClient(configuration)
      envoy.connect(over: channel)
      envoy.ask(for: ["x"], of: .runtime)
      try await envoy.wait { $0.held(.runtime).keys.sorted() == ["x"] }
      envoy.ask(for: ["y"], of: .runtime)
      try await envoy.wait { $0.held(.runtime).keys.sorted() == ["x", "y"] }
      envoy.stopAsking(for: ["x"], of: .runtime)
      envoy.advance(by: .seconds(20))
      #expect(envoy.state.held(.runtime).keys.sorted() == ["y"])
      #expect(envoy.state.responses.count == 2)
      envoy.disconnect()
    }
  }
}
