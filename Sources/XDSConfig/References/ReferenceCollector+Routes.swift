// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ReferenceCollector {
  mutating func add(_ scope: ScopedRouteConfigurationMessage) {
    add(.routeConfiguration, scope.routeConfigurationName)
    if scope.hasRouteConfiguration { add(scope.routeConfiguration) }
  }

  mutating func add(_ routes: RouteConfigurationMessage) {
    add(routes.typedPerFilterConfig)
    for host in routes.virtualHosts { add(host) }
  }

  mutating func add(_ host: VirtualHostMessage) {
    add(host.typedPerFilterConfig)
    for route in host.routes { add(route) }
  }

  private mutating func add(_ route: RouteMessage) {
    add(route.typedPerFilterConfig)
    guard case .route(let action) = route.action else { return }
    switch action.clusterSpecifier {
    case .cluster(let name): add(.cluster, name)
    case .weightedClusters(let weighted):
      for cluster in weighted.clusters {
        add(.cluster, cluster.name)
        add(cluster.typedPerFilterConfig)
      }
    case .clusterHeader, nil: break
    }
    for mirror in action.requestMirrorPolicies { add(.cluster, mirror.cluster) }
  }

  private mutating func add(_ perFilter: [String: Google_Protobuf_Any]) {
    for configuration in perFilter.values { add(filter: configuration) }
  }

  // MARK: TLS

  /// The configuration of a transport socket.
  mutating func add(transport configuration: Google_Protobuf_Any) {
    if let context: UpstreamTLSMessage = configuration.unpacked() {
      add(context.commonTlsContext)
    } else if let context: DownstreamTLSMessage = configuration.unpacked() {
      add(context.commonTlsContext)
    }
  }

  private mutating func add(_ context: Envoy_Extensions_TransportSockets_Tls_V3_CommonTlsContext) {
    var secrets = context.tlsCertificateSdsSecretConfigs
    switch context.validationContextType {
    case .validationContextSdsSecretConfig(let secret): secrets.append(secret)
    case .combinedValidationContext(let combined): secrets.append(combined.validationContextSdsSecretConfig)
    case .validationContext, nil: break
    }
    // A secret without a source is one of the bootstrap's.
    for secret in secrets where secret.hasSdsConfig { add(.secret, secret.name) }
  }
}
