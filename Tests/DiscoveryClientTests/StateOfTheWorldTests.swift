// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Testing

@testable import ExtProcTesting

/// What is expected here is what an Envoy 1.40 was seen to send.
@Suite("Envoy's discovery, State of the World")
struct StateOfTheWorldTests {
  private var envoy = EnvoyDiscoveryState(DiscoveryConfiguration(.stateOfTheWorld))

  init() { envoy.opened() }

  @Test("Envoy starts with clusters, their endpoints, listeners and their routes")
  mutating func start() {
    #expect(envoy.said() == ["Cluster node"])
    envoy.receive(.of(.cluster, "1", [Body.cluster("a"), Body.cluster("b"), Body.staticCluster("c")]))
    #expect(envoy.said() == ["ClusterLoadAssignment a,b", "Cluster after(Cluster 1) v1"])
    envoy.receive(.of(.clusterLoadAssignment, "1", nonce: "n1", [Body.named("a")]))
    #expect(envoy.said() == ["ClusterLoadAssignment a,b after(n1) v1"])
    #expect(envoy.warming == [ResourceReference(.cluster, "b")])
    envoy.receive(.of(.clusterLoadAssignment, "2", nonce: "n2", [Body.named("b")]))
    #expect(envoy.said() == ["Listener", "ClusterLoadAssignment a,b after(n2) v2"])
    envoy.receive(.of(.listener, "1", [Body.listener("l", route: "r")]))
    #expect(envoy.said() == ["RouteConfiguration r", "Listener after(Listener 1) v1"])
    #expect(envoy.warming == [ResourceReference(.listener, "l")])
    envoy.receive(.of(.routeConfiguration, "1", [Body.named("r")]))
    #expect(envoy.said() == ["RouteConfiguration r after(RouteConfiguration 1) v1"])
    #expect(envoy.warming == [])
  }

  @Test("a cluster that changes has its endpoints asked for again, and is acknowledged once they are there")
  mutating func rewarm() {
    started()
    envoy.receive(.of(.cluster, "2", [Body.cluster("a", content: 2)]))
    #expect(envoy.said() == ["ClusterLoadAssignment a after(n1) v1"])
    envoy.receive(.of(.clusterLoadAssignment, "1", nonce: "n2", [Body.named("a")]))
    #expect(envoy.said() == ["Cluster after(Cluster 2) v2", "ClusterLoadAssignment a after(n2) v1"])
  }

  @Test("a cluster that does not change is acknowledged at once")
  mutating func unchanged() {
    started()
    envoy.receive(.of(.cluster, "2", [Body.cluster("a")]))
    #expect(envoy.said() == ["Cluster after(Cluster 2) v2"])
  }

  @Test("an empty response of endpoints does not end warming, and the timeout does")
  mutating func timeout() {
    started()
    envoy.receive(.of(.cluster, "2", [Body.cluster("a"), Body.cluster("d")]))
    #expect(envoy.said() == ["ClusterLoadAssignment a,d after(n1) v1"])
    envoy.receive(.of(.clusterLoadAssignment, "2", nonce: "n2", []))
    #expect(envoy.said() == ["ClusterLoadAssignment a,d after(n2) v2"])
    envoy.advance(by: .seconds(14))
    #expect(envoy.said() == [])
    envoy.advance(by: .seconds(1))
    #expect(envoy.said() == ["Cluster after(Cluster 2) v2"])
    #expect(envoy.warming == [])
  }

  @Test("the endpoints of a changed name are asked for beside the old ones, until they are there")
  mutating func rename() {
    started()
    envoy.receive(.of(.cluster, "2", [Body.cluster("a", service: "s")]))
    #expect(envoy.said() == ["ClusterLoadAssignment a,s after(n1) v1"])
    envoy.receive(.of(.clusterLoadAssignment, "2", nonce: "n2", [Body.named("s")]))
    #expect(envoy.said() == ["Cluster after(Cluster 2) v2", "ClusterLoadAssignment s after(n2) v2"])
    #expect(envoy.held(.clusterLoadAssignment).keys.sorted() == ["s"])
  }

  @Test("what a response of clusters or listeners lacks is deleted, and what they needed is not asked for any more")
  mutating func deletion() {
    started()
    envoy.receive(.of(.listener, "1", [Body.listener("l", route: "r"), Body.listener("m", route: "q")]))
    envoy.receive(.of(.routeConfiguration, "1", [Body.named("r"), Body.named("q")]))
    _ = envoy.said()
    envoy.receive(.of(.routeConfiguration, "2", [Body.named("r", content: "new")]))
    #expect(envoy.held(.routeConfiguration).keys.sorted() == ["q", "r"])
    _ = envoy.said()
    envoy.receive(.of(.listener, "2", [Body.listener("l", route: "r")]))
    #expect(envoy.said() == ["RouteConfiguration r after(RouteConfiguration 2) v2", "Listener after(Listener 2) v2"])
    #expect(envoy.held(.routeConfiguration).keys.sorted() == ["r"])
    envoy.receive(.of(.cluster, "2", []))
    #expect(envoy.said() == ["ClusterLoadAssignment after(n1) v1", "Cluster after(Cluster 2) v2"])
    #expect(envoy.held(.cluster).isEmpty)
  }

  @Test("a route that is held is not asked for again by another listener")
  mutating func sharedRoute() {
    started()
    envoy.receive(.of(.listener, "1", [Body.listener("l", route: "r")]))
    envoy.receive(.of(.routeConfiguration, "1", [Body.named("r")]))
    _ = envoy.said()
    envoy.receive(.of(.listener, "2", [Body.listener("l", route: "r"), Body.listener("m", route: "r")]))
    #expect(envoy.said() == ["Listener after(Listener 2) v2"])
    #expect(envoy.warming == [])
  }

  @Test("a new stream goes on with the versions that are held, and says nothing of clusters while one is in warming")
  mutating func reconnect() {
    started()
    envoy.opened()
    #expect(envoy.said() == ["Cluster node v1", "ClusterLoadAssignment a v1", "Listener"])
    envoy.receive(.of(.cluster, "2", [Body.cluster("a", content: 2)]))
    _ = envoy.said()
    envoy.opened()
    #expect(envoy.said() == ["ClusterLoadAssignment node a v1", "Listener"])
    envoy.receive(.of(.clusterLoadAssignment, "2", nonce: "n2", [Body.named("a")]))
    #expect(envoy.said() == ["Cluster v2", "ClusterLoadAssignment a after(n2) v2"])
  }

  @Test("a response that is refused leaves what was there, its version included")
  mutating func refusal() {
    var configuration = DiscoveryConfiguration(.stateOfTheWorld)
    configuration.refuses = { $0.name == "bad" ? "no \($1.count) bytes" : nil }
    envoy = EnvoyDiscoveryState(configuration)
    envoy.opened()
    started()
    envoy.receive(.of(.cluster, "2", [Body.staticCluster("good"), Body.staticCluster("bad")]))
    #expect(envoy.said() == ["Cluster after(Cluster 2) v1 refused"])
    #expect(envoy.responses.last?.refusal == "no 5 bytes")
    #expect(envoy.held(.cluster).keys.sorted() == ["a"])
    envoy.receive(.of(.cluster, "3", [Body.cluster("a")]))
    #expect(envoy.said() == ["Cluster after(Cluster 3) v3"])
  }

  @Test(
    "what no response may have is refused",
    arguments: [
      [Google_Protobuf_Any.of(.cluster, Body.staticCluster("x")), .of(.cluster, Body.staticCluster("x"))],
      [.of(.listener, Body.staticCluster("x"))], [.of(.cluster, [])],
    ])
  mutating func malformed(resources: [Google_Protobuf_Any]) {
    started()
    var response = Response.of(.cluster, "2", [])
    response.resources = resources
    envoy.receive(response)
    #expect(envoy.said() == ["Cluster after(Cluster 2) v1 refused"])
    #expect(envoy.held(.cluster).keys.sorted() == ["a"])
  }

  @Test("what nobody asked for is not kept, and a type that nobody asked for is not answered")
  mutating func unasked() {
    started()
    envoy.receive(.of(.clusterLoadAssignment, "2", nonce: "n2", [Body.named("a"), Body.named("z")]))
    #expect(envoy.said() == ["ClusterLoadAssignment a after(n2) v2"])
    #expect(envoy.held(.clusterLoadAssignment).keys.sorted() == ["a"])
    envoy.receive(.of(.secret, "1", [Body.named("s")]))
    #expect(envoy.said() == [])
    #expect(envoy.responses.last?.refusal == "nothing of this type was asked for")
  }

  @Test("all are asked for by name where that is wished, and beside other names always")
  mutating func wildcard() {
    var configuration = DiscoveryConfiguration(.stateOfTheWorld)
    configuration.namesWildcard = true
    envoy = EnvoyDiscoveryState(configuration)
    envoy.opened()
    #expect(envoy.said() == ["Cluster node *"])
    envoy = EnvoyDiscoveryState(DiscoveryConfiguration(.stateOfTheWorld))
    envoy.opened()
    envoy.ask(for: ["a"], of: .cluster)
    envoy.stopAsking(for: ["a"], of: .cluster)
    envoy.stopAsking(for: ["*"], of: .cluster)
    #expect(envoy.said() == ["Cluster node", "Cluster *,a", "Cluster *", "Cluster"])
  }

  @Test("a resource with a time to live is forgotten after it, unless a heartbeat comes")
  mutating func timeToLive() throws {
    envoy.ask(for: ["x"], of: .runtime)
    _ = envoy.said()
    var wrapped = Wrapped.with {
      $0.name = "x"
      $0.ttl = .with { $0.seconds = 5 }
      $0.resource = .of(.runtime, Body.named("x"))
    }
    var response = Response.of(.runtime, "1", [])
    response.resources = [try Google_Protobuf_Any(message: wrapped)]
    envoy.receive(response)
    #expect(envoy.held(.runtime)["x"]?.version == "1")
    envoy.advance(by: .seconds(4))
    wrapped.clearResource()
    response.resources = [try Google_Protobuf_Any(message: wrapped)]
    envoy.receive(response)
    #expect(envoy.responses.last?.heartbeats == ["x"])
    envoy.advance(by: .seconds(4))
    #expect(envoy.held(.runtime)["x"] != nil)
    envoy.advance(by: .seconds(1))
    #expect(envoy.held(.runtime)["x"] == nil)
    _ = envoy.said()
    envoy.receive(response)
    #expect(envoy.said() == ["Runtime x after(Runtime 1) v1 refused"])
  }

  /// One cluster `a` with its endpoints, in version 1, and no listener.
  private mutating func started() {
    envoy.receive(.of(.cluster, "1", [Body.cluster("a")]))
    envoy.receive(.of(.clusterLoadAssignment, "1", nonce: "n1", [Body.named("a")]))
    _ = envoy.said()
  }
}
