// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import Testing
import XDS
import XDSConfig

/// What the example of the documentation becomes.
@Suite("Resources of a described proxy") struct ProxyResourcesTests {
  let proxy: ProxyConfiguration
  let resources: [Resource]

  init() throws {
    proxy = try ProxyConfiguration(yaml: Examples.documented(), ownCallouts: [addHeader, noTelnet])
    resources = try proxy.resources()
  }

  @Test("the documented example has no problems") func problems() {
    #expect(proxy.problems() == [])
    #expect(throws: Never.self) { try Snapshot(resources) }
  }

  @Test("there is one resource for each part that can change by itself") func names() {
    #expect(
      Set(resources.map { "\($0.reference)" }) == [
        "Cluster 'callout'", "Cluster 'callout-Audit'", "Cluster 'shop'", "Cluster 'shop-next'", "Cluster 'api'",
        "Cluster 'redis'", "ClusterLoadAssignment 'shop'", "Listener 'web'", "Listener 'redis'",
        "RouteConfiguration 'web'", "Secret 'listener/web'", "Secret 'listener/web/shop.example.com'",
        "Secret 'cluster/api/authorities'", "Secret 'cluster/callout-Audit/authorities'",
        "TypedExtensionConfig 'AddHeader'", "TypedExtensionConfig 'Audit'", "TypedExtensionConfig 'NoTelnet'",
      ])
  }

  @Test("they are the same each time") func stable() throws {
    #expect(try proxy.resources().map(\.version) == resources.map(\.version))
  }

  @Test("the listener has filters from ECDS and routes from RDS, and is hardened") func listener() throws {
    let listener: ListenerMessage = try resources.message(.listener, "web")
    #expect(
      listener.filterChains.map(\.filterChainMatch.serverNames) == [["shop.example.com", "*.shop.example.com"], []])
    #expect(listener.listenerFilters.map(\.name) == ["envoy.filters.listener.tls_inspector"])
    #expect(listener.perConnectionBufferLimitBytes.value == 1 << 20, "Audit buffers bodies")
    let filter = try #require(listener.filterChains.last?.filters.last)
    let manager = try ConnectionManager(unpackingAny: filter.typedConfig)
    #expect(manager.httpFilters.map(\.name) == ["AddHeader", "Audit", "envoy.filters.http.router"])
    #expect(manager.httpFilters.map(\.disabled) == [false, true, false])
    #expect(
      manager.httpFilters[0].configDiscovery.typeUrls == [
        "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"
      ])
    #expect(manager.rds.routeConfigName == "web")
    #expect(manager.rds.configSource.ads == .init())
    #expect(manager.useRemoteAddress.value && manager.normalizePath.value && manager.mergeSlashes)
    #expect(manager.pathWithEscapedSlashesAction == .unescapeAndRedirect)
    #expect(manager.commonHTTPProtocolOptions.headersWithUnderscoresAction == .rejectRequest)
    #expect(manager.requestTimeout.seconds == 300)
    #expect(manager.accessLog.map(\.name) == ["envoy.access_loggers.stdout"])
  }

  @Test("routes say where requests go, and what is different for callouts") func routes() throws {
    let configuration: RouteConfigurationMessage = try resources.message(.routeConfiguration, "web")
    #expect(configuration.virtualHosts.map(\.domains) == [["shop.example.com"], ["*"]])
    let weights = configuration.virtualHosts[0].routes[0].route.weightedClusters.clusters
    #expect(weights.map(\.name) == ["shop", "shop-next"])
    #expect(weights.map(\.weight.value) == [9, 1])
    let routes = configuration.virtualHosts[1].routes
    #expect(routes[0].directResponse.status == 200)
    #expect(routes[0].directResponse.body.inlineString == "ok")
    let off = try Envoy_Extensions_Filters_Http_ExtProc_V3_ExtProcPerRoute(
      unpackingAny: try #require(routes[0].typedPerFilterConfig["AddHeader"]))
    #expect(off.disabled)
    #expect(routes[1].match.headers.map(\.name) == ["x-version", "x-tier"])
    #expect(routes[1].match.headers[1].stringMatch.safeRegex.regex == "gold|silver")
    #expect(routes[1].route.timeout.seconds == 30)
    #expect(routes[1].route.prefixRewrite == "/")
    #expect(routes[1].route.hostRewriteLiteral == "api.internal")
    let on = try Envoy_Extensions_Filters_Http_ExtProc_V3_ExtProcPerRoute(
      unpackingAny: try #require(routes[1].typedPerFilterConfig["AddHeader"]))
    #expect(on.overrides.processingMode.requestBodyMode == .streamed)
    #expect(on.overrides.failureModeAllow.value)
    let audit = try Envoy_Extensions_Filters_Http_ExtAuthz_V3_ExtAuthzPerRoute(
      unpackingAny: try #require(routes[1].typedPerFilterConfig["Audit"]))
    #expect(audit.override == .checkSettings(.init()), "which turns the filter on")
    #expect(routes[2].route.timeout.seconds == 15)
  }

  @Test("the cluster of callouts speaks HTTP/2, checks health and does not overflow") func calloutCluster() throws {
    let cluster: ClusterMessage = try resources.message(.cluster, "callout-Audit")
    #expect(cluster.type == .strictDns && cluster.dnsLookupFamily == .v4Preferred)
    #expect(cluster.connectTimeout.seconds == 1)
    #expect(cluster.circuitBreakers.thresholds.map(\.priority) == [.default, .high])
    #expect(cluster.circuitBreakers.thresholds.allSatisfy { $0.maxRequests.value == 1_000_000 })
    #expect(cluster.circuitBreakers.thresholds.allSatisfy { $0.maxPendingRequests.value == 1_000_000 })
    #expect(cluster.healthChecks.map(\.grpcHealthCheck.authority) == ["audit.internal"])
    #expect(cluster.healthChecks.map(\.noTrafficInterval.seconds) == [1], "else Envoy 1.36 may need a minute to start")
    let http2 = try options(cluster).explicitHTTPConfig.http2ProtocolOptions
    #expect(http2.connectionKeepalive.interval.seconds == 30)
    let tls = try Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext(
      unpackingAny: cluster.transportSocket.typedConfig)
    #expect(tls.sni == "audit.internal")
    #expect(tls.commonTlsContext.alpnProtocols == ["h2"])
    let secret: SecretMessage = try resources.message(.secret, "cluster/callout-Audit/authorities")
    #expect(secret.validationContext.trustedCa.filename == "/etc/envoy/ca.pem")
    #expect(secret.validationContext.matchTypedSubjectAltNames.map(\.matcher.exact) == ["audit.internal"])
  }

  @Test("upstreams are found as their endpoints need, and say which HTTP they speak") func upstreams() throws {
    let types = try ["shop", "shop-next", "api", "redis"].map { name in
      try resources.message(.cluster, name, as: ClusterMessage.self).type
    }
    #expect(types == [.eds, .logicalDns, .strictDns, .static])
    let endpoints: ClusterLoadAssignmentMessage = try resources.message(.clusterLoadAssignment, "shop")
    #expect(
      endpoints.endpoints.flatMap(\.lbEndpoints).map(\.endpoint.address.socketAddress.address) == [
        "10.0.0.7", "10.0.0.8",
      ])
    let redis: ClusterMessage = try resources.message(.cluster, "redis")
    #expect(redis.loadAssignment.endpoints[0].lbEndpoints[0].endpoint.address.pipe.path == "/run/redis.sock")
    let api: ClusterMessage = try resources.message(.cluster, "api")
    #expect(try options(api).explicitHTTPConfig.protocolConfig == .http2ProtocolOptions(.init()))
    #expect(try options(redis).explicitHTTPConfig.protocolConfig == .httpProtocolOptions(.init()))
  }

  @Test("a TCP listener asks this server's own callouts about connections") func tcp() throws {
    let listener: ListenerMessage = try resources.message(.listener, "redis")
    #expect(listener.filterChains[0].filters.map(\.name) == ["NoTelnet", "envoy.filters.network.tcp_proxy"])
    #expect(listener.address.socketAddress.portValue == 6_380)
  }

  @Test("a filter's settings may be changed in the file") func settings() throws {
    let filter: ExtensionConfigMessage = try resources.message(.extensionConfig, "AddHeader")
    let message = try ExtProc(unpackingAny: filter.typedConfig)
    #expect(message.messageTimeout.seconds == 1)
    #expect(message.grpcService.envoyGrpc.clusterName == "callout")
    #expect(message.statPrefix == "AddHeader")
  }

  private func options(_ cluster: ClusterMessage) throws -> Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions {
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return try .init(unpackingAny: try #require(cluster.typedExtensionProtocolOptions[key]))
  }
}
