// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing

@testable import ExtProcTesting

/// What is expected here is what an Envoy 1.40 was seen to send.
@Suite("Envoy's discovery, incremental")
struct IncrementalTests {
  private var envoy = EnvoyDiscoveryState(DiscoveryConfiguration(.incremental))

  init() { envoy.opened() }

  @Test("Envoy starts with clusters, their endpoints, listeners and their routes")
  mutating func start() {
    #expect(envoy.said() == ["Cluster node"])
    envoy.receive(.delta(.cluster, "1", [Body.cluster("a"), Body.cluster("b")]))
    #expect(envoy.said() == ["ClusterLoadAssignment +a +b", "Cluster after(Cluster 1)"])
    envoy.receive(.delta(.clusterLoadAssignment, "1", nonce: "n1", [Body.named("a")]))
    #expect(envoy.said() == ["ClusterLoadAssignment after(n1)"])
    envoy.receive(.delta(.clusterLoadAssignment, "2", nonce: "n2", [Body.named("b")]))
    #expect(envoy.said() == ["Listener", "ClusterLoadAssignment after(n2)"])
    envoy.receive(.delta(.listener, "1", [Body.listener("l", route: "r")]))
    #expect(envoy.said() == ["RouteConfiguration +r", "Listener after(Listener 1)"])
    envoy.receive(.delta(.routeConfiguration, "1", [Body.named("r")]))
    #expect(envoy.said() == ["RouteConfiguration after(RouteConfiguration 1)"])
    #expect(envoy.warming == [])
  }

  @Test("of a cluster that changes nothing is said until its endpoints come, unasked")
  mutating func rewarm() {
    started()
    envoy.receive(.delta(.cluster, "2", [Body.cluster("a", content: 2)]))
    #expect(envoy.said() == [])
    envoy.receive(.delta(.cluster, "3", [Body.cluster("x")]))
    #expect(envoy.said() == ["ClusterLoadAssignment +x"])
    envoy.receive(.delta(.clusterLoadAssignment, "1", nonce: "n2", [Body.named("a")]))
    #expect(envoy.said() == ["ClusterLoadAssignment after(n2)"])
    envoy.receive(.delta(.clusterLoadAssignment, "1", nonce: "n3", [Body.named("x")]))
    #expect(
      envoy.said() == ["Cluster after(Cluster 2)", "Cluster after(Cluster 3)", "ClusterLoadAssignment after(n3)"])
  }

  @Test("endpoints that are said not to exist end warming")
  mutating func removedEndpoints() {
    started()
    envoy.receive(.delta(.cluster, "2", [Body.cluster("d")]))
    #expect(envoy.said() == ["ClusterLoadAssignment +d"])
    envoy.receive(.delta(.clusterLoadAssignment, "2", nonce: "n2", removed: ["d"]))
    #expect(envoy.said() == ["Cluster after(Cluster 2)", "ClusterLoadAssignment after(n2)"])
  }

  @Test("the endpoints of a changed name are asked for, and the old ones are not once these are there")
  mutating func rename() {
    started()
    envoy.receive(.delta(.cluster, "3", [Body.cluster("a", service: "s")]))
    #expect(envoy.said() == ["ClusterLoadAssignment +s"])
    envoy.receive(.delta(.clusterLoadAssignment, "4", nonce: "n4", [Body.named("s")]))
    #expect(
      envoy.said() == ["ClusterLoadAssignment -a", "Cluster after(Cluster 3)", "ClusterLoadAssignment after(n4)"])
  }

  @Test("what is removed is not held, and what it needed is not asked for")
  mutating func removal() {
    started()
    envoy.receive(.delta(.cluster, "7", removed: ["a"]))
    #expect(envoy.said() == ["ClusterLoadAssignment -a", "Cluster after(Cluster 7)"])
    #expect(envoy.held(.cluster).isEmpty)
    #expect(envoy.held(.clusterLoadAssignment).isEmpty)
  }

  @Test("a new stream begins with what is held")
  mutating func reconnect() {
    started()
    envoy.receive(.delta(.listener, "2", [Body.listener("l", route: "r")]))
    envoy.receive(.delta(.routeConfiguration, "8", removed: ["r"]))
    _ = envoy.said()
    envoy.opened()
    #expect(
      envoy.said() == [
        "Cluster node a=1", "ClusterLoadAssignment +a a=1", "Listener l=2", "RouteConfiguration +r",
      ])
  }

  @Test("a response that is refused, or has a name twice, changes nothing")
  mutating func refusal() {
    var configuration = DiscoveryConfiguration(.incremental)
    configuration.refuses = { reference, _ in reference.name == "bad" ? "no" : nil }
    envoy = EnvoyDiscoveryState(configuration)
    envoy.opened()
    started()
    for (version, bodies, removed) in [
      ("2", [Body.staticCluster("good"), Body.staticCluster("bad")], []),
      ("3", [Body.cluster("a", content: 2), Body.cluster("a", content: 3)], []),
      ("4", [Body.cluster("a", content: 2)], ["a"]),
    ] {
      envoy.receive(.delta(.cluster, version, bodies, removed: removed))
      #expect(envoy.said() == ["Cluster after(Cluster \(version)) refused"])
      #expect(
        envoy.held(.cluster) == ["a": .init(version: "1", body: Body.cluster("a"), dependencies: [Self.endpoints])])
    }
  }

  @Test("where each type has a stream, each begins with the node, endpoints begin anew, and no cluster is held up")
  mutating func separate() {
    var configuration = DiscoveryConfiguration(.incremental)
    configuration.streams = .separate
    configuration.namesWildcard = true
    envoy = EnvoyDiscoveryState(configuration)
    envoy.opened()
    #expect(envoy.said() == ["Cluster node +*"])
    envoy.receive(.delta(.cluster, "1", [Body.cluster("a")]))
    #expect(envoy.said() == ["ClusterLoadAssignment node +a", "Cluster after(Cluster 1)"])
    envoy.receive(.delta(.clusterLoadAssignment, "1", nonce: "n1", [Body.named("a")]))
    #expect(envoy.said() == ["Listener node +*", "ClusterLoadAssignment after(n1)"])
    envoy.receive(.delta(.cluster, "2", [Body.cluster("a", content: 2)]))
    #expect(envoy.said() == ["ClusterLoadAssignment node +a", "Cluster after(Cluster 2)"])
    envoy.opened(.cluster)
    #expect(envoy.said() == ["Cluster node +* a=2"])
  }

  @Test("resources by alias are kept, and time to live is per resource")
  mutating func aliasesAndTimeToLive() {
    envoy.ask(for: ["routes/host"], of: .virtualHost)
    _ = envoy.said()
    var response = DeltaResponse.delta(.virtualHost, "1", [Body.named("routes/v")])
    response.resources[0].aliases = ["routes/host"]
    response.resources[0].ttl = .with { $0.nanos = 500_000_000 }
    envoy.receive(response)
    #expect(envoy.held(.virtualHost).keys.sorted() == ["routes/v"])
    response.resources[0].clearResource()
    envoy.advance(by: .milliseconds(499))
    envoy.receive(response)
    envoy.advance(by: .milliseconds(499))
    #expect(envoy.held(.virtualHost).keys.sorted() == ["routes/v"])
    envoy.advance(by: .milliseconds(1))
    #expect(envoy.held(.virtualHost).isEmpty)
  }

  private static let endpoints = ResourceReference(.clusterLoadAssignment, "a")

  /// One cluster `a` with its endpoints, in version 1, and no listener.
  private mutating func started() {
    envoy.receive(.delta(.cluster, "1", [Body.cluster("a")]))
    envoy.receive(.delta(.clusterLoadAssignment, "1", nonce: "n1", [Body.named("a")]))
    _ = envoy.said()
  }
}
