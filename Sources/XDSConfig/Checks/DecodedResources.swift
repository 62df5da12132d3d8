// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

/// Resources as their messages, whoever made them, with what is inside each other in the open.
struct DecodedResources {
  var clusters: [ClusterMessage] = []
  var listeners: [ListenerMessage] = []
  var secrets: [SecretMessage] = []
  /// Route configurations by themselves and inside listeners, with where they are.
  var routes: [(place: String, message: RouteConfigurationMessage)] = []
  /// Connection managers, with where they are.
  var managers: [(place: String, listener: ListenerMessage, message: ConnectionManagerMessage)] = []
  /// Configurations of filters, with where they are, by themselves and inside listeners and routes.
  var filters: [(place: String, configuration: Google_Protobuf_Any)] = []
  /// The configurations of ECDS, by name.
  var extensions: [String: Google_Protobuf_Any] = [:]
  /// All that is referred to, with by whom.
  var references: [(place: String, reference: ResourceReference)] = []
  /// What could not be read.
  var problems: [ConfigurationProblem] = []

  init(_ resources: [Resource]) {
    for resource in resources { add(resource) }
  }

  private mutating func add(_ resource: Resource) {
    let place = "\(resource.type) '\(resource.name)'"
    let message = resource.message
    var collector = ReferenceCollector()
    switch resource.type {
    case .cluster:
      guard let cluster: ClusterMessage = read(message, place) else { return }
      clusters.append(cluster)
      collector.add(cluster)
    case .listener:
      guard let listener: ListenerMessage = read(message, place) else { return }
      collector.add(listener)
      add(listener, place)
    case .routeConfiguration:
      guard let configuration: RouteConfigurationMessage = read(message, place) else { return }
      collector.add(configuration)
      add(configuration, place)
    case .scopedRouteConfiguration:
      guard let scope: ScopedRouteConfigurationMessage = read(message, place) else { return }
      collector.add(scope)
      if scope.hasRouteConfiguration { add(scope.routeConfiguration, place) }
    case .virtualHost:
      guard let host: VirtualHostMessage = read(message, place) else { return }
      collector.add(host)
    case .secret:
      guard let secret: SecretMessage = read(message, place) else { return }
      secrets.append(secret)
    case .extensionConfig:
      guard let filter: ExtensionConfigMessage = read(message, place) else { return }
      collector.add(filter: filter.typedConfig)
      extensions[filter.name] = filter.typedConfig
      filters.append((place, filter.typedConfig))
    default: return
    }
    references += collector.references.map { (place, $0) }
  }

  private mutating func read<Content: Message>(_ any: Google_Protobuf_Any, _ place: String) -> Content? {
    if let message: Content = any.unpacked() { return message }
    problems.append(.init(.error, .unreadable, in: place, "its bytes are no such message; give those of its type"))
    return nil
  }

  private mutating func add(_ listener: ListenerMessage, _ place: String) {
    listeners.append(listener)
    for filter in listener.allFilters {
      guard case .typedConfig(let configuration) = filter.configType else { continue }
      filters.append(("\(place), filter '\(filter.name)'", configuration))
      guard let manager: ConnectionManagerMessage = configuration.unpacked() else { continue }
      managers.append((place, listener, manager))
      for filter in manager.httpFilters {
        guard case .typedConfig(let configuration) = filter.configType else { continue }
        filters.append(("\(place), filter '\(filter.name)'", configuration))
      }
      if case .routeConfig(let configuration) = manager.routeSpecifier { add(configuration, place) }
    }
  }

  private mutating func add(_ configuration: RouteConfigurationMessage, _ place: String) {
    routes.append((place, configuration))
    for (name, configuration) in configuration.perFilter {
      filters.append(("\(place), for the filter '\(name)'", configuration))
    }
  }
}

extension ListenerMessage {
  var allChains: [FilterChainMessage] { filterChains + (hasDefaultFilterChain ? [defaultFilterChain] : []) }
  var allFilters: [NetworkFilterMessage] { allChains.flatMap(\.filters) }
}

extension RouteConfigurationMessage {
  /// What filters do differently anywhere in it, by the filter's name.
  var perFilter: [(name: String, configuration: Google_Protobuf_Any)] {
    var maps = [typedPerFilterConfig]
    for host in virtualHosts {
      maps.append(host.typedPerFilterConfig)
      for route in host.routes {
        maps.append(route.typedPerFilterConfig)
        maps += route.route.weightedClusters.clusters.map(\.typedPerFilterConfig)
      }
    }
    return maps.flatMap { map in map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }
}
