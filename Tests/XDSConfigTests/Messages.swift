// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import XDS
import XDSConfig

typealias ConnectionManager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager
typealias ExtProc = Envoy_Extensions_Filters_Http_ExtProc_V3_ExternalProcessor
typealias HTTPFilter = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter
typealias NetworkExtProc = Envoy_Extensions_Filters_Network_ExtProc_V3_NetworkExternalProcessor

/// An ext_proc filter that asks the server of a cluster.
func extProc(_ cluster: String, _ set: (inout ExtProc) -> Void = { _ in }) -> ExtProc {
  .with {
    $0.grpcService.envoyGrpc.clusterName = cluster
    set(&$0)
  }
}

extension Google_Protobuf_Any {
  static func packed(_ message: some Message) -> Google_Protobuf_Any {
    (try? Google_Protobuf_Any(message: message)) ?? .init()
  }
}

extension ClusterMessage {
  static func eds(_ name: String, service: String = "") -> ClusterMessage {
    .with {
      $0.name = name
      $0.type = .eds
      $0.edsClusterConfig.serviceName = service
    }
  }
}

extension ClusterLoadAssignmentMessage {
  static func of(_ name: String) -> ClusterLoadAssignmentMessage { .with { $0.clusterName = name } }
}

extension RouteConfigurationMessage {
  /// One that sends everything to a cluster.
  static func to(_ cluster: String, name: String = "") -> RouteConfigurationMessage {
    .with {
      $0.name = name
      $0.virtualHosts = [
        .with {
          $0.name = "all"
          $0.domains = ["*"]
          $0.routes = [
            .with {
              $0.match.prefix = "/"
              $0.route.cluster = cluster
            }
          ]
        }
      ]
    }
  }
}

extension ListenerMessage {
  enum Routes {
    case rds(String)
    case inline(RouteConfigurationMessage)
    /// A scope inside the listener that has a route configuration of this name.
    case scopes(String)
    case srds
  }

  /// A listener with filters before the router.
  static func http(
    _ name: String, _ routes: Routes, _ filters: [HTTPFilter] = [], router: Bool = true, default: Bool = false
  ) -> ListenerMessage {
    let manager = ConnectionManager.with {
      switch routes {
      case .rds(let name): $0.rds.routeConfigName = name
      case .inline(let configuration): $0.routeConfig = configuration
      case .scopes(let name):
        $0.scopedRoutes.scopedRouteConfigurationsList.scopedRouteConfigurations = [
          .with { $0.routeConfigurationName = name }
        ]
      case .srds: $0.scopedRoutes.scopedRds = .init()
      }
      $0.httpFilters = filters
      if router { $0.httpFilters.append(.router) }
    }
    return network(name, manager, default: `default`)
  }

  static func tcp(_ name: String, to cluster: String) -> ListenerMessage {
    network(name, Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.with { $0.cluster = cluster })
  }

  static func network(_ name: String, _ filters: any Message..., default: Bool = false) -> ListenerMessage {
    .with {
      $0.name = name
      let chain = Envoy_Config_Listener_V3_FilterChain.with {
        $0.filters = filters.enumerated().map { number, filter in
          .with {
            $0.name = "filter-\(number)"
            $0.typedConfig = .packed(filter)
          }
        }
      }
      if `default` { $0.defaultFilterChain = chain } else { $0.filterChains = [chain] }
    }
  }
}

extension HTTPFilter {
  static let router = HTTPFilter.with {
    $0.name = "router"
    $0.typedConfig = .packed(Envoy_Extensions_Filters_Http_Router_V3_Router())
  }

  static func typed(_ name: String, _ configuration: some Message) -> HTTPFilter {
    .with {
      $0.name = name
      $0.typedConfig = .packed(configuration)
    }
  }
}

extension ExtensionConfigMessage {
  static func filter(_ name: String, _ configuration: some Message) -> ExtensionConfigMessage {
    .with {
      $0.name = name
      $0.typedConfig = .packed(configuration)
    }
  }
}

extension Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig {
  static func ads(_ name: String) -> Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig {
    .with {
      $0.name = name
      $0.sdsConfig.ads = .init()
    }
  }
}
