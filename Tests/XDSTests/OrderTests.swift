// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

/// Make before break: an Envoy's stream, with all types.
@Suite struct OrderTests {
  private static func uses(_ cluster: String) -> [ResourceReference] { [ResourceReference(.cluster, cluster)] }

  /// A listener, its routes to a cluster, and the cluster with its endpoints.
  private func configuration(_ cluster: String, version: String = "1") -> [Resource] {
    [
      make(.listener, "l", uses: [ResourceReference(.routeConfiguration, "r")]),
      make(.routeConfiguration, "r", cluster, uses: Self.uses(cluster)),
      make(.cluster, cluster, version, uses: [ResourceReference(.clusterLoadAssignment, "e-\(cluster)")]),
      make(.clusterLoadAssignment, "e-\(cluster)"),
    ]
  }

  /// A client that has all of `configuration("old")`.
  private func connected(_ speaks: DiscoveryProtocol) throws -> DiscoveryHarness {
    let harness = try DiscoveryHarness(speaks, configuration("old"))
    for (type, names) in [
      (.cluster, []), (.clusterLoadAssignment, ["e-old"]), (.listener, []), (.routeConfiguration, ["r"]),
    ] as [(ResourceType, [String])] {
      let sent = try harness.subscribe(type, names)
      #expect(sent.count == 1)
      #expect(try harness.accept(sent[0], names).isEmpty)
    }
    #expect(harness.isSettled)
    return harness
  }

  @Test("A route to a new cluster waits for it and its endpoints, the old cluster for the route")
  func newCluster() throws {
    for speaks in DiscoveryProtocol.allCases {
      let harness = try connected(speaks)
      let clusters = try harness.publish(configuration("new"))
      // The old one is still there: in State of the World it is named with the new one.
      #expect(clusters.map(\.type) == [.cluster])
      #expect(clusters[0].names == (speaks == .delta ? ["new"] : ["new", "old"]))
      #expect(clusters[0].removed.isEmpty)
      #expect(try harness.accept(clusters[0]).isEmpty)
      let endpoints: [Sent]
      switch speaks {
      case .delta: endpoints = try harness.delta(.clusterLoadAssignment, subscribe: ["e-new"])
      case .stateOfTheWorld:
        endpoints = try harness.request(
          .clusterLoadAssignment, ["e-old", "e-new"],
          nonce: harness.state[.clusterLoadAssignment]?.lastNonce ?? "")
      }
      #expect(endpoints.map(\.type) == [.clusterLoadAssignment] && endpoints[0].names == ["e-new"])
      let routes = try harness.accept(endpoints[0], ["e-old", "e-new"])
      #expect(routes.map(\.type) == [.routeConfiguration] && routes[0].contents == ["r": "r=new"])
      // Requests may still be on their way to the old cluster.
      #expect(try harness.accept(routes[0], ["r"]).isEmpty)
      #expect(harness.isSettled)
      let removal = harness.afterRemovalDelay()
      #expect(removal.map(\.type) == [.cluster])
      #expect(removal[0].names == (speaks == .delta ? [] : ["new"]))
      #expect(removal[0].removed == ["old"])
      #expect(!harness.isSettled)
      let rest = try harness.accept(removal[0])
      // What Envoy no longer asks for needs no word; here it still does.
      if speaks == .delta {
        #expect(rest.map(\.removed) == [["e-old"]])
        #expect(try harness.accept(rest[0]).isEmpty)
      } else {
        #expect(rest.isEmpty)
      }
      #expect(harness.isSettled)
    }
  }

  @Test("Nothing is removed while a route to it stays in force", arguments: DiscoveryProtocol.allCases)
  func refusedRoute(speaks: DiscoveryProtocol) throws {
    let harness = try connected(speaks)
    var sent = try harness.publish(configuration("new"))
    sent = try harness.accept(sent[0])
    sent = try harness.subscribe(.clusterLoadAssignment, nonce: true, ["e-old", "e-new"])
    sent = try harness.accept(sent[0], ["e-old", "e-new"])
    #expect(sent.map(\.type) == [.routeConfiguration])
    #expect(try harness.refuse(sent[0], ["r"]).isEmpty)
    #expect(harness.state[.cluster]?.sent["old"] != nil)
    harness.state.stopWaiting()
    #expect(harness.afterRemovalDelay().isEmpty)
    // A route that is accepted ends its use.
    let mended = configuration("new").filter { $0.type != .routeConfiguration }
    sent = try harness.publish(mended + [make(.routeConfiguration, "r", "mended", uses: Self.uses("new"))])
    #expect(sent.map(\.contents) == [["r": "r=mended"]])
    #expect(try harness.accept(sent[0], ["r"]).isEmpty)
    sent = harness.afterRemovalDelay()
    #expect(sent.map(\.type) == [.cluster] && sent[0].removed == ["old"])
  }

  @Test(
    "What comes back before it is removed stays, and what goes later waits as long",
    arguments: DiscoveryProtocol.allCases)
  func cameBack(speaks: DiscoveryProtocol) throws {
    let all = make(.routeConfiguration, ["a", "b"]) + make(.cluster, ["a", "b", "c"])
    let harness = try DiscoveryHarness(speaks, all)
    for type in [ResourceType.cluster, .routeConfiguration] {
      _ = try harness.accept(try harness.subscribe(type)[0])
    }
    #expect(try harness.publish(all.filter { $0.name != "b" || $0.type != .cluster }).isEmpty)
    #expect(harness.beginRemovalWait())
    #expect(try harness.publish(all.filter { $0.name != "c" }).isEmpty)
    harness.state.removalWaitOver()
    #expect(harness.sent().isEmpty)
    #expect(harness.beginRemovalWait())
    harness.state.removalWaitOver()
    #expect(harness.sent().map(\.removed) == [["c"]])
  }

  @Test(
    "A route to a refused cluster is not sent, even to a client that takes long", arguments: DiscoveryProtocol.allCases)
  func refusedCluster(speaks: DiscoveryProtocol) throws {
    let harness = try connected(speaks)
    let sent = try harness.publish(configuration("bad"))
    #expect(try harness.refuse(sent[0]).isEmpty)
    harness.state.stopWaiting()
    #expect(harness.sent().isEmpty)
    // All is said that there is to say: the report tells of the cluster, and need not wait.
    #expect(harness.isSettled)
    #expect(harness.state.refusals.map(\.description) == ["Cluster 'bad': no good"])
  }

  @Test("A cluster that is refused again is still none that a route may name", arguments: DiscoveryProtocol.allCases)
  func refusedTwice(speaks: DiscoveryProtocol) throws {
    let harness = try connected(speaks)
    let first = try harness.publish(configuration("bad"))
    #expect(try harness.refuse(first[0]).isEmpty)
    let second = try harness.publish(configuration("bad", version: "2"))
    #expect(second.map(\.type) == [.cluster])
    #expect(try harness.refuse(second[0]).isEmpty)
    #expect(harness.state[.routeConfiguration]?.sent["r"] == make(.routeConfiguration, "r", "old").version)
  }

  @Test("A client that does not answer is waited for only so long", arguments: DiscoveryProtocol.allCases)
  func impatience(speaks: DiscoveryProtocol) throws {
    let harness = try connected(speaks)
    #expect(try harness.publish(configuration("new")).map(\.type) == [.cluster])
    #expect(harness.state.isWaiting)
    harness.state.stopWaiting()
    let sent = harness.sent()
    #expect(sent.first?.type == .routeConfiguration)
    #expect(harness.state.isWaiting)
  }

  @Test("A cluster that changes holds up nothing: the client has the old one until it is warm")
  func changedCluster() throws {
    let harness = try connected(.delta)
    let changed = configuration("old", version: "2").map { resource in
      resource.type == .listener ? make(.listener, "l", "2", uses: Self.uses("old")) : resource
    }
    let sent = try harness.publish(changed)
    #expect(sent.map(\.type) == [.cluster, .clusterLoadAssignment, .listener])
  }

  @Test("A listener that takes another's place replaces it in one response", arguments: DiscoveryProtocol.allCases)
  func replacedListener(speaks: DiscoveryProtocol) throws {
    let harness = try connected(speaks)
    let sent = try harness.publish(
      configuration("old").filter { $0.type != .listener } + [make(.listener, "other")])
    #expect(sent.map(\.type) == [.listener])
    #expect(sent[0].names == ["other"] && sent[0].removed == ["l"])
  }

  @Test(
    "While the client has not answered, only the last of what is published is sent",
    arguments: DiscoveryProtocol.allCases)
  func coalesced(speaks: DiscoveryProtocol) throws {
    let harness = try DiscoveryHarness(speaks, make(.cluster, ["a"]))
    let first = try harness.subscribe(.cluster)
    for version in 2..<10 { #expect(try harness.publish(make(.cluster, ["a@\(version)"])).isEmpty) }
    #expect(try harness.accept(first[0]).map(\.contents) == [["a": "a=9"]])
  }

  @Test(
    "gRPC asks for the clusters of its routes after it has them: no route waits", arguments: DiscoveryProtocol.allCases)
  func namedClusters(speaks: DiscoveryProtocol) throws {
    let harness = try DiscoveryHarness(speaks, configuration("c"))
    _ = try harness.subscribe(.listener, ["l"])
    #expect(try harness.subscribe(.routeConfiguration, ["r"]).map(\.names) == [["r"]])
    #expect(try harness.subscribe(.cluster, ["c"]).map(\.names) == [["c"]])
    #expect(try harness.subscribe(.clusterLoadAssignment, ["e-c"]).map(\.names) == [["e-c"]])
  }

  @Test("AC-68: types in the order of their use")
  func additionOrder() {
    let types: [ResourceType] = [
      .clusterLoadAssignment, .cluster, .listener, .routeConfiguration, .scopedRouteConfiguration,
    ]
    #expect(
      types.sorted { $0.additionRank < $1.additionRank } == [
        .cluster, .clusterLoadAssignment, .listener, .routeConfiguration, .scopedRouteConfiguration,
      ])
  }
}

extension DiscoveryHarness {
  /// Adds names to a subscription, as a client does that has had responses of the type.
  func subscribe(_ type: ResourceType, nonce: Bool, _ names: [String]) throws -> [Sent] {
    switch state.speaks {
    case .delta: try delta(type, subscribe: names.suffix(1))
    case .stateOfTheWorld: try request(type, names, nonce: state[type]?.lastNonce ?? "")
    }
  }
}
