// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ProxyGenerator {
  mutating func cluster(_ upstream: ProxyConfiguration.Upstream) throws(ConfigurationProblem) -> ClusterMessage {
    let place = "upstream '\(upstream.name)'"
    var cluster = try cluster(upstream.name, at: upstream.endpoints, upstream.dns, place)
    if upstream.usesEDS {
      guard cluster.type == .static else {
        throw .init(.error, .proxy, in: place, "EDS takes addresses, not names; give addresses or leave EDS out")
      }
      if case .xds = form {
        endpoints.append(cluster.loadAssignment)
        cluster.clearLoadAssignment()
        cluster.type = .eds
        cluster.edsClusterConfig.edsConfig = Self.ads
      }
    }
    cluster.connectTimeout = .init(upstream.connectTimeout)
    cluster.lbPolicy =
      switch upstream.balancing {
      case .leastRequest: .leastRequest
      case .roundRobin: .roundRobin
      case .random: .random
      }
    switch upstream.httpVersion {
    case .http1: cluster.speak { $0.explicitHTTPConfig.httpProtocolOptions = .init() }
    case .http2: cluster.speak { $0.explicitHTTPConfig.http2ProtocolOptions = .init() }
    }
    if let tls = upstream.tls {
      cluster.transportSocket = transportSocket(tls, of: upstream.name, upstream.httpVersion)
    }
    if let check = upstream.healthCheck { cluster.healthChecks = [check.message] }
    return cluster
  }

  /// The cluster of a server of callouts: HTTP/2 that notices dead connections, and limits that no traffic reaches.
  mutating func cluster(_ server: CalloutServerLocation) throws(ConfigurationProblem) -> ClusterMessage {
    var cluster = try cluster(server.cluster, at: server.addresses, .allAddresses, "callout server '\(server.cluster)'")
    cluster.connectTimeout = .init(seconds: 1)
    cluster.lbPolicy = .leastRequest
    cluster.speak { $0.explicitHTTPConfig.http2ProtocolOptions = Self.calloutHTTP2 }
    cluster.circuitBreakers.thresholds = [Envoy_Config_Core_V3_RoutingPriority.default, .high].map { priority in
      .with {
        $0.priority = priority
        $0.maxConnections = .init(server.maxRequests)
        $0.maxPendingRequests = .init(server.maxRequests)
        $0.maxRequests = .init(server.maxRequests)
      }
    }
    if let tls = server.tls { cluster.transportSocket = transportSocket(tls, of: server.cluster, .http2) }
    if server.checksHealth {
      var check = ProxyConfiguration.HealthCheck(.grpc(service: "")).message
      check.grpcHealthCheck.authority = server.sentAuthority
      // The first check of Envoy before 1.38 may come before its secrets, and all else waits for the second.
      check.noTrafficInterval = .init(seconds: 1)
      cluster.healthChecks = [check]
    }
    return cluster
  }

  /// Windows for bodies, and pings.
  static let calloutHTTP2 = Envoy_Config_Core_V3_Http2ProtocolOptions.with {
    $0.initialStreamWindowSize = .init(1 << 20)
    $0.initialConnectionWindowSize = .init(16 << 20)
    $0.connectionKeepalive.interval = .init(seconds: 30)
    $0.connectionKeepalive.timeout = .init(seconds: 5)
  }

  private func cluster(
    _ name: String, at addresses: [ProxyAddress], _ dns: ProxyConfiguration.Upstream.DNS, _ place: String
  ) throws(ConfigurationProblem) -> ClusterMessage {
    guard !addresses.isEmpty else { throw .init(.error, .proxy, in: place, "it has no address; give it one") }
    let hasNames = addresses.contains(where: \.isName)
    if hasNames, dns == .firstAddress, addresses.count > 1 {
      throw .init(.error, .proxy, in: place, "dns 'first' takes one name alone; use 'all', or give one endpoint")
    }
    return .with {
      $0.name = name
      $0.type = hasNames ? (dns == .allAddresses ? .strictDns : .logicalDns) : .static
      // By default Envoy takes IPv6 addresses alone where there are some: of `localhost`, where often nobody listens.
      if hasNames { $0.dnsLookupFamily = .v4Preferred }
      $0.loadAssignment = .init(name, at: addresses)
    }
  }
}

extension ClusterLoadAssignmentMessage {
  init(_ name: String, at addresses: [ProxyAddress]) {
    self.init()
    clusterName = name
    endpoints = [
      .with { $0.lbEndpoints = addresses.map { address in .with { $0.endpoint.address = address.message } } }
    ]
  }
}

extension CalloutServerLocation {
  /// Empty where Envoy sends the cluster's name.
  var sentAuthority: String { authority ?? tls?.serverName ?? "" }
}

extension ClusterMessage {
  /// Sets how HTTP is spoken, which nothing is left to guess about.
  mutating func speak(_ set: (inout HTTPProtocolOptionsMessage) -> Void) {
    let options = HTTPProtocolOptionsMessage.with(set)
    typedExtensionProtocolOptions[HTTPProtocolOptionsMessage.protoMessageName] = .init(stable: options)
  }
}

extension ProxyConfiguration.HealthCheck {
  var message: Envoy_Config_Core_V3_HealthCheck {
    .with {
      $0.timeout = .init(timeout)
      $0.interval = .init(interval)
      $0.noTrafficInterval = .init(interval)
      $0.unhealthyThreshold = 3
      $0.healthyThreshold = 1
      switch kind {
      case .http(let path): $0.httpHealthCheck.path = path
      case .tcp: $0.tcpHealthCheck = .init()
      case .grpc(let service): $0.grpcHealthCheck.serviceName = service
      }
    }
  }
}
