// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

/// Finds the resources that messages use, or make Envoy ask for.
///
/// Names are collected whatever source the message gives for them. Of a filter of a type that is not known here nothing
/// is known.
struct ReferenceCollector {
  private(set) var references: Set<ResourceReference> = []

  mutating func add(_ type: ResourceType, _ name: String) {
    if !name.isEmpty { references.insert(ResourceReference(type, name)) }
  }

  mutating func add(_ cluster: ClusterMessage) {
    if cluster.type == .eds {
      let name = cluster.edsClusterConfig.serviceName
      add(.clusterLoadAssignment, name.isEmpty ? cluster.name : name)
    }
    if cluster.hasTransportSocket { add(transport: cluster.transportSocket.typedConfig) }
  }

  mutating func add(_ listener: ListenerMessage) {
    let last = listener.hasDefaultFilterChain ? [listener.defaultFilterChain] : []
    for chain in listener.filterChains + last {
      if chain.hasTransportSocket { add(transport: chain.transportSocket.typedConfig) }
      for filter in chain.filters {
        switch filter.configType {
        case .typedConfig(let configuration): add(filter: configuration)
        case .configDiscovery(let source): add(source, for: filter.name)
        case nil: break
        }
      }
    }
  }

  /// The configuration of a network or HTTP filter, for all requests or for a route.
  mutating func add(filter configuration: Google_Protobuf_Any) {
    if let filter: ConnectionManagerMessage = configuration.unpacked() {
      add(filter)
    } else if let filter: TCPProxyMessage = configuration.unpacked() {
      if case .cluster(let name) = filter.clusterSpecifier { add(.cluster, name) }
      for cluster in filter.weightedClusters.clusters { add(.cluster, cluster.name) }
    } else if let filter: ExtProcMessage = configuration.unpacked() {
      add(filter.grpcService)
    } else if let filter: NetworkExtProcMessage = configuration.unpacked() {
      add(filter.grpcService)
    } else if let filter: ExtAuthzMessage = configuration.unpacked() {
      add(filter.grpcService)
    } else if let route: ExtProcRouteMessage = configuration.unpacked() {
      add(route.overrides.grpcService)
    } else if let route: FilterConfigMessage = configuration.unpacked() {
      add(filter: route.config)
    }
  }

  private mutating func add(_ filter: ConnectionManagerMessage) {
    switch filter.routeSpecifier {
    case .rds(let rds): add(.routeConfiguration, rds.routeConfigName)
    case .routeConfig(let routes): add(routes)
    case .scopedRoutes(let scopes):
      // Scopes of SRDS have names that nobody knows here.
      for scope in scopes.scopedRouteConfigurationsList.scopedRouteConfigurations { add(scope) }
    case nil: break
    }
    for filter in filter.httpFilters {
      switch filter.configType {
      case .typedConfig(let configuration): add(filter: configuration)
      case .configDiscovery(let source): add(source, for: filter.name)
      case nil: break
      }
    }
  }

  private mutating func add(_ source: Envoy_Config_Core_V3_ExtensionConfigSource, for filter: String) {
    add(.extensionConfig, filter)
    if source.hasDefaultConfig { add(filter: source.defaultConfig) }
  }

  private mutating func add(_ service: GRPCServiceMessage) { add(.cluster, service.envoyGrpc.clusterName) }
}
