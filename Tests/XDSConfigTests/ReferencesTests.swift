// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import Testing
import XDS
import XDSConfig

@Suite("References and names of resources") struct ReferencesTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let resource: Resource
    let references: Set<ResourceReference>

    init(_ description: String, _ resource: Resource, _ references: ResourceReference...) {
      testDescription = description
      self.resource = resource
      self.references = Set(references)
    }
  }

  @Test("AC-66: what each resource refers to", arguments: clusters + listeners + routes + calloutCases)
  func references(_ example: Case) { #expect(example.resource.references == example.references) }

  static let clusters = [
    Case("an EDS cluster", Resource(.eds("a")), .init(.clusterLoadAssignment, "a")),
    Case("an EDS cluster with a service name", Resource(.eds("a", service: "s")), .init(.clusterLoadAssignment, "s")),
    Case("a static cluster", Resource(ClusterMessage.with { $0.name = "a" })),
    Case(
      "a cluster with secrets",
      Resource(
        ClusterMessage.with {
          $0.transportSocket.typedConfig = .packed(
            Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext.with {
              $0.commonTlsContext.tlsCertificateSdsSecretConfigs = [.ads("own")]
              $0.commonTlsContext.combinedValidationContext.validationContextSdsSecretConfig = .ads("trust")
            })
        }), .init(.secret, "own"), .init(.secret, "trust")),
    Case("endpoints", Resource(ClusterLoadAssignmentMessage.with { $0.clusterName = "a" })),
    Case("a runtime", Resource(RuntimeMessage.with { $0.name = "a" })),
    Case("a secret", Resource(SecretMessage.with { $0.name = "a" })),
  ]

  static let listeners = [
    Case("a listener with RDS", Resource(.http("l", .rds("r"))), .init(.routeConfiguration, "r")),
    Case("RDS in the default chain", Resource(.http("l", .rds("r"), default: true)), .init(.routeConfiguration, "r")),
    Case("inline scopes", Resource(.http("l", .scopes("r"))), .init(.routeConfiguration, "r")),
    Case("scopes of SRDS", Resource(.http("l", .srds))),
    Case("routes inside the listener", Resource(.http("l", .inline(.to("c")))), .init(.cluster, "c")),
    Case("a TCP listener", Resource(.tcp("l", to: "c")), .init(.cluster, "c")),
    Case(
      "a TCP listener with several clusters",
      Resource(
        .network(
          "l",
          Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.with {
            $0.weightedClusters.clusters = [.with { $0.name = "a" }, .with { $0.name = "b" }]
          })), .init(.cluster, "a"), .init(.cluster, "b")),
    Case(
      "a listener's secrets",
      Resource(
        ListenerMessage.with {
          $0.filterChains = [
            .with {
              $0.transportSocket.typedConfig = .packed(
                Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext.with {
                  $0.commonTlsContext.tlsCertificateSdsSecretConfigs = [
                    .ads("own"), .with { $0.name = "of the bootstrap" },
                  ]
                  $0.commonTlsContext.validationContextSdsSecretConfig = .ads("trust")
                })
            }
          ]
        }), .init(.secret, "own"), .init(.secret, "trust")),
    Case(
      "filters from elsewhere",
      Resource(
        ListenerMessage.with {
          $0.filterChains = [
            .with {
              $0.filters = [
                .with {
                  $0.name = "network"
                  $0.configDiscovery = .init()
                },
                .with {
                  $0.typedConfig = .packed(
                    ConnectionManager.with {
                      $0.httpFilters = [
                        .with {
                          $0.name = "http"
                          $0.configDiscovery.defaultConfig = .packed(extProc("c"))
                        }
                      ]
                    })
                },
              ]
            }
          ]
        }), .init(.extensionConfig, "network"), .init(.extensionConfig, "http"), .init(.cluster, "c")),
  ]

  @Test("AC-67: names") func names() throws {
    #expect(Resource(ClusterMessage.with { $0.name = "c" }).name == "c")
    #expect(Resource(ClusterLoadAssignmentMessage.with { $0.clusterName = "e" }).name == "e")
    #expect(Resource(ListenerMessage.with { $0.name = "l" }).name == "l")
    #expect(Resource(RouteConfigurationMessage.with { $0.name = "r" }).name == "r")
    #expect(Resource(ScopedRouteConfigurationMessage.with { $0.name = "s" }).name == "s")
    #expect(Resource(SecretMessage.with { $0.name = "x" }).name == "x")
    #expect(Resource(RuntimeMessage.with { $0.name = "t" }).name == "t")
    #expect(Resource(ExtensionConfigMessage.with { $0.name = "f" }).name == "f")
    #expect(Resource(ClusterMessage()).name == "")
    let host = Resource(
      VirtualHostMessage.with {
        $0.name = "h"
        $0.domains = ["a.example", "h"]
      }, of: "r")
    #expect(host.name == "r/h")
    #expect(host.aliases == ["r/a.example"])
  }

  @Test("the same content has the same version, however its maps were filled") func versions() {
    let versions = (0..<20).map { seed in
      let keys = (0..<8).map { "key-\($0)" }
      let configuration = RouteConfigurationMessage.with {
        for key in seed.isMultiple(of: 2) ? keys : keys.reversed() {
          $0.typedPerFilterConfig[key] = .packed(extProc(key))
        }
      }
      return Resource(configuration).version
    }
    #expect(Set(versions).count == 1)
  }
}
