// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import EnvoyAPI

extension XDSServer {
  /// The gRPC services, to be served on any listener.
  public var services: [GRPCService] {
    Self.discoveryServices.map { service in
      GRPCService(
        service.name, methods: service.methods.map { method($0, of: service.type) },
        fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
    } + [clientStatusService]
  }

  private func method(_ name: String, of type: ResourceType?) -> GRPCMethod {
    let service = service
    if name.hasPrefix("Stream") {
      return GRPCMethod(name) { DiscoveryCall($0, service, .stateOfTheWorld, type) }
    }
    if name.hasPrefix("Delta") { return GRPCMethod(name) { DiscoveryCall($0, service, .delta, type) } }
    return .unary(name) { (request: Envoy_Service_Discovery_V3_DiscoveryRequest, context) in
      try await Self.fetch(request, type, from: Peer(context), service)
    }
  }

  private static let discoveryServices: [(name: String, type: ResourceType?, methods: [String])] = [
    (
      "envoy.service.discovery.v3.AggregatedDiscoveryService", nil,
      ["StreamAggregatedResources", "DeltaAggregatedResources"]
    ),
    of(.cluster, "envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters"),
    of(.clusterLoadAssignment, "envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints"),
    (
      "envoy.service.endpoint.v3.LocalityEndpointDiscoveryService", .lbEndpoint, ["DeltaLocalityEndpoints"]
    ),
    of(.listener, "envoy.service.listener.v3.ListenerDiscoveryService", "Listeners"),
    of(.routeConfiguration, "envoy.service.route.v3.RouteDiscoveryService", "Routes"),
    of(.scopedRouteConfiguration, "envoy.service.route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes"),
    ("envoy.service.route.v3.VirtualHostDiscoveryService", .virtualHost, ["DeltaVirtualHosts"]),
    of(.secret, "envoy.service.secret.v3.SecretDiscoveryService", "Secrets"),
    of(.runtime, "envoy.service.runtime.v3.RuntimeDiscoveryService", "Runtime"),
    of(.extensionConfig, "envoy.service.extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs"),
    (
      "ratelimit.service.ratelimit.v3.RateLimitConfigDiscoveryService", .rateLimitConfig,
      ["StreamRlsConfigs", "FetchRlsConfigs"]
    ),
  ]

  private static func of(
    _ type: ResourceType, _ service: String, _ resources: String
  ) -> (name: String, type: ResourceType?, methods: [String]) {
    (service, type, ["Stream\(resources)", "Delta\(resources)", "Fetch\(resources)"])
  }
}
