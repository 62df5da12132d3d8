// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ExtProcTesting

@Suite("What Envoy's resources make it ask for")
struct DependencyTests {
  @Test("clusters ask for endpoints and secrets")
  func clusters() {
    #expect(dependencies(.cluster, Body.cluster("a")) == ["ClusterLoadAssignment 'a'"])
    #expect(dependencies(.cluster, Body.cluster("a", service: "s")) == ["ClusterLoadAssignment 's'"])
    #expect(dependencies(.cluster, Body.cluster("a", secret: "k")) == ["ClusterLoadAssignment 'a'", "Secret 'k'"])
    #expect(dependencies(.cluster, Body.staticCluster("a")) == [])
  }

  @Test("trust, alone or combined, is a secret where a source is named")
  func trust() {
    func cluster(_ context: [UInt8]) -> [UInt8] { Body.field(24, Body.field(3, Body.field(2, Body.field(1, context)))) }
    let secret = Body.string(1, "ca") + Body.field(2, [])
    #expect(dependencies(.cluster, cluster(Body.field(7, secret))) == ["Secret 'ca'"])
    #expect(dependencies(.cluster, cluster(Body.field(8, Body.field(2, secret)))) == ["Secret 'ca'"])
    #expect(dependencies(.cluster, cluster(Body.field(7, Body.string(1, "static")))) == [])
  }

  @Test("listeners ask for routes, scopes, filters' configurations and secrets")
  func listeners() {
    let route = Body.field(3, Body.string(2, "r"))
    let filter = Body.field(5, Body.string(1, "f") + Body.field(5, []))
    let plainFilter = Body.field(5, Body.string(1, "router"))
    let scoped = Body.field(31, Body.field(5, []))
    let inline = Body.field(31, Body.field(4, Body.field(1, Body.string(2, "i"))))
    for (manager, expected) in [
      (route, ["RouteConfiguration 'r'"]), (filter + plainFilter, ["TypedExtensionConfig 'f'"]),
      (scoped, ["ScopedRouteConfiguration '*'"]), (inline, ["RouteConfiguration 'i'"]),
    ] {
      #expect(dependencies(.listener, Body.listener("l", manager: manager)) == expected)
      #expect(dependencies(.listener, Body.listener("l", manager: manager, chain: 25)) == expected)
    }
    let context = Body.field(1, Body.field(6, Body.string(1, "cert") + Body.field(2, [])))
    #expect(
      dependencies(.listener, Body.field(3, Body.field(6, Body.field(3, Body.field(2, context))))) == ["Secret 'cert'"])
  }

  @Test("scopes ask for routes; other types and what is no message for nothing")
  func others() {
    #expect(dependencies(.scopedRouteConfiguration, Body.string(2, "r")) == ["RouteConfiguration 'r'"])
    #expect(dependencies(.routeConfiguration, Body.named("r")) == [])
    #expect(dependencies(.cluster, [0xff, 0xff]) == [])
  }

  private func dependencies(_ type: ResourceType, _ body: [UInt8]) -> [String] {
    EnvoyResource.dependencies(of: type, body).map(\.description)
  }
}
