// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

/// Makes Envoy's messages of a proxy's description.
struct ProxyGenerator {
  /// How the parts of the configuration reach the proxy.
  enum Form {
    /// Each by itself, over ADS, so that a change of one leaves the others alone.
    case xds
    /// Inside each other, in a file.
    case inline
  }

  let proxy: ProxyConfiguration
  let form: Form

  private(set) var clusters: [ClusterMessage] = []
  private(set) var listeners: [ListenerMessage] = []
  var endpoints: [ClusterLoadAssignmentMessage] = []
  var routes: [RouteConfigurationMessage] = []
  var secrets: [SecretMessage] = []
  var filters: [ExtensionConfigMessage] = []

  init(_ proxy: ProxyConfiguration, _ form: Form) throws(ConfigurationProblem) {
    self.proxy = proxy
    self.form = form
    try addCallouts()
    if case .xds = form, proxy.upstream(XDSBootstrap.clusterName) != nil {
      throw .init(
        .error, .proxy, in: "upstream '\(XDSBootstrap.clusterName)'",
        "the bootstrap has the xDS server under that name; rename it")
    }
    for upstream in proxy.upstreams { clusters.append(try cluster(upstream)) }
    for listener in proxy.listeners {
      switch listener {
      case .http(let listener): listeners.append(try self.listener(listener))
      case .tcp(let listener): listeners.append(try self.listener(listener))
      }
    }
  }

  private mutating func addCallouts() throws(ConfigurationProblem) {
    var locations: [CalloutServerLocation] = []
    var names: Set<String> = []
    for callout in proxy.callouts {
      guard names.insert(callout.name).inserted else {
        throw .init(.error, .proxy, in: "callout '\(callout.name)'", "there are two of that name; rename one")
      }
      if case .xds = form { filters.append(extensionConfig(callout)) }
      guard !locations.contains(callout.server) else { continue }
      locations.append(callout.server)
      clusters.append(try cluster(callout.server))
    }
  }

  /// The ADS stream.
  static let ads = Envoy_Config_Core_V3_ConfigSource.with {
    $0.ads = .init()
    $0.resourceApiVersion = .v3
  }
}

extension ProxyAddress {
  var message: AddressMessage {
    .with {
      switch self {
      case .ip(let host, let port):
        $0.socketAddress.address = host
        $0.socketAddress.portValue = UInt32(port)
      case .unix(let path): $0.pipe.path = path
      }
    }
  }
}
