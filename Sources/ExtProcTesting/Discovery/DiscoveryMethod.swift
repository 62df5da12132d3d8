// SPDX-License-Identifier: Apache-2.0
internal import XDS

/// The methods of Envoy's discovery services.
enum DiscoveryMethod {
  /// The path for a type, or for all types; nil for one that has no such service.
  static func path(_ type: ResourceType?, _ variant: DiscoveryConfiguration.Variant) -> String? {
    let verb = variant == .incremental ? "Delta" : "Stream"
    guard let type else { return path("discovery", "AggregatedDiscoveryService", verb + "AggregatedResources") }
    guard let (package, service, method) = services[type] else { return nil }
    return path(package, service, verb + method)
  }

  private static func path(_ package: String, _ service: String, _ method: String) -> String {
    "/envoy.service.\(package).v3.\(service)/\(method)"
  }

  private static let services: [ResourceType: (package: String, service: String, method: String)] = [
    .cluster: ("cluster", "ClusterDiscoveryService", "Clusters"),
    .clusterLoadAssignment: ("endpoint", "EndpointDiscoveryService", "Endpoints"),
    .lbEndpoint: ("endpoint", "LocalityEndpointDiscoveryService", "LocalityEndpoints"),
    .secret: ("secret", "SecretDiscoveryService", "Secrets"),
    .extensionConfig: ("extension", "ExtensionConfigDiscoveryService", "ExtensionConfigs"),
    .listener: ("listener", "ListenerDiscoveryService", "Listeners"),
    .routeConfiguration: ("route", "RouteDiscoveryService", "Routes"),
    .scopedRouteConfiguration: ("route", "ScopedRoutesDiscoveryService", "ScopedRoutes"),
    .virtualHost: ("route", "VirtualHostDiscoveryService", "VirtualHosts"),
    .runtime: ("runtime", "RuntimeDiscoveryService", "Runtime"),
  ]
}
