// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import XDS
import XDSConfig

extension ChecksTests {
  static let structure = [
    Case(
      "V1: a route's cluster", .unknownCluster, bad: Resource(.to("nobody", name: "r")),
      good: Resource(plainRoutes), Resource(plain)),
    Case("V1: a TCP proxy's cluster", .unknownCluster, bad: Resource(.tcp("l", to: "c")), good: Resource(plain)),
    Case(
      "V1: a callout's cluster", .unknownCluster, bad: Resource(.filter("f", extProc("c"))),
      good: Resource(.filter("f", extProc("c"))), Resource(plain)),
    Case(
      "V2: a filter from elsewhere", .missingResource, bad: Resource(.http("l", .srds, [discovered()])),
      good: Resource(.http("l", .srds, [discovered()])), Resource(.filter("f", extProc("c")))),
    Case(
      "V3: no router", .routerPlace, bad: Resource(.http("l", .srds, router: false)),
      good: Resource(.http("l", .srds))),
    Case(
      "V3: a router before another filter", .routerPlace,
      bad: Resource(.http("l", .srds, [.router, .typed("f", extProc("c"))], router: false)),
      good: Resource(.http("l", .srds, [.typed("f", extProc("c"))]))),
    Case(
      "V3: two routers", .routerPlace, bad: Resource(.http("l", .srds, [.router])), good: Resource(.http("l", .srds))),
    Case(
      "V4: network ext_proc behind the TCP proxy", .networkFilterOrder,
      bad: Resource(.network("l", tcpProxy, NetworkExtProc())),
      good: Resource(.network("l", NetworkExtProc(), tcpProxy))),
    Case(
      "V11: two clusters of a name", .duplicate, bad: Resource(plain), Resource(.eds("c")), good: Resource(plain),
      Resource(.eds("d"))),
    Case(
      "V11: two listeners of an address", .duplicate, bad: Resource(listener("a", 80)), Resource(listener("b", 80)),
      good: Resource(listener("a", 0)), Resource(listener("b", 0)), Resource(listener("c", 81))),
    Case(
      "V12: two hosts of a domain", .duplicateDomain, bad: Resource(hosts("*", "*")),
      good: Resource(hosts("*", "a.example"))),
    Case(
      "V13: a filter that is not there", .unknownFilter,
      bad: Resource(.http("l", .inline(routes(for: "other")), [discovered()])),
      good: Resource(.http("l", .inline(routes(for: "f")), [discovered()]))),
    Case(
      "V13: a filter that is not there, over RDS", .unknownFilter,
      bad: Resource(.http("l", .rds("r"))), Resource(routes(for: "f")),
      good: Resource(.http("l", .rds("r"), [discovered()])), Resource(routes(for: "f"))),
    Case(
      "V16: no type_urls", .filterTypes, bad: Resource(.http("l", .srds, [discovered([])])),
      good: Resource(.http("l", .srds, [discovered()]))),
    Case(
      "V16: another type", .filterTypes,
      bad: Resource(.http("l", .srds, [discovered()])), Resource(.filter("f", NetworkExtProc())),
      good: Resource(.http("l", .srds, [discovered()])), Resource(.filter("f", extProc("c")))),
  ]

  private static let tcpProxy = Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy()
  private static let extProcURL =
    "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"

  private static func discovered(_ types: [String] = [extProcURL]) -> HTTPFilter {
    .with {
      $0.name = "f"
      $0.configDiscovery.typeUrls = types
    }
  }

  private static func listener(_ name: String, _ port: UInt32) -> ListenerMessage {
    .with {
      $0.name = name
      $0.address.socketAddress.address = "0.0.0.0"
      $0.address.socketAddress.portValue = port
    }
  }

  private static func hosts(_ domains: String...) -> RouteConfigurationMessage {
    .with { $0.virtualHosts = domains.map { domain in .with { $0.domains = [domain] } } }
  }

  private static func routes(for filter: String) -> RouteConfigurationMessage {
    .with {
      $0.name = "r"
      $0.virtualHosts = [
        .with { $0.routes = [.with { $0.typedPerFilterConfig[filter] = .packed(Google_Protobuf_Empty()) }] }
      ]
    }
  }
}
