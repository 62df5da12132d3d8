// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import XDS
import XDSConfig

extension ReferencesTests {
  static let routes = [
    Case(
      "a route configuration",
      Resource(
        RouteConfigurationMessage.with {
          $0.virtualHosts = [
            .with {
              $0.routes = [
                .with {
                  $0.route.cluster = "a"
                  $0.route.requestMirrorPolicies = [.with { $0.cluster = "mirror" }]
                },
                .with { $0.route.weightedClusters.clusters = [.with { $0.name = "b" }, .with { $0.name = "c" }] },
                .with { $0.route.clusterHeader = "x-cluster" }, .with { $0.directResponse.status = 200 },
              ]
            }
          ]
        }), .init(.cluster, "a"), .init(.cluster, "b"), .init(.cluster, "c"), .init(.cluster, "mirror")),
    Case("a route configuration of VHDS", Resource(RouteConfigurationMessage.with { $0.vhds = .init() })),
    Case(
      "a virtual host",
      Resource(VirtualHostMessage.with { $0.routes = [.with { $0.route.cluster = "a" }] }, of: "r"),
      .init(.cluster, "a")),
    Case(
      "a scope", Resource(ScopedRouteConfigurationMessage.with { $0.routeConfigurationName = "r" }),
      .init(.routeConfiguration, "r")),
  ]

  static let calloutCases = [
    Case("ext_proc of ECDS", Resource(.filter("f", extProc("c"))), .init(.cluster, "c")),
    Case(
      "network ext_proc of ECDS",
      Resource(.filter("f", NetworkExtProc.with { $0.grpcService.envoyGrpc.clusterName = "c" })), .init(.cluster, "c")),
    Case(
      "ext_authz of ECDS",
      Resource(
        .filter(
          "f",
          Envoy_Extensions_Filters_Http_ExtAuthz_V3_ExtAuthz.with { $0.grpcService.envoyGrpc.clusterName = "c" })),
      .init(.cluster, "c")),
    Case(
      "ext_proc of a route",
      Resource(
        RouteConfigurationMessage.with {
          let route = Envoy_Extensions_Filters_Http_ExtProc_V3_ExtProcPerRoute.with {
            $0.overrides.grpcService.envoyGrpc.clusterName = "c"
          }
          $0.typedPerFilterConfig["f"] = .packed(Envoy_Config_Route_V3_FilterConfig.with { $0.config = .packed(route) })
        }), .init(.cluster, "c")),
    Case("a filter of an unknown type", Resource(.filter("f", Google_Protobuf_Empty()))),
  ]
}
