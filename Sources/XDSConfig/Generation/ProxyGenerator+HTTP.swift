// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ProxyGenerator {
  mutating func connectionManager(
    _ listener: ProxyConfiguration.HTTPListener
  ) throws(ConfigurationProblem) -> ConnectionManagerMessage {
    var manager = ConnectionManagerMessage()
    manager.statPrefix = listener.name
    let routes = try routeConfiguration(listener)
    switch form {
    case .inline: manager.routeConfig = routes
    case .xds:
      self.routes.append(routes)
      manager.rds.routeConfigName = routes.name
      manager.rds.configSource = Self.ads
    }
    for use in listener.callouts { manager.httpFilters.append(try httpFilter(use, in: listener)) }
    manager.httpFilters.append(
      .with {
        $0.name = "envoy.filters.http.router"
        $0.typedConfig = .init(stable: RouterMessage())
      })
    manager.commonHTTPProtocolOptions.idleTimeout = .init(listener.idleTimeout ?? .zero)
    manager.streamIdleTimeout = .init(listener.streamIdleTimeout ?? .zero)
    manager.requestTimeout = .init(listener.requestTimeout ?? .zero)
    if listener.isEdge { manager.harden() }
    if listener.allowsWebSocket { manager.upgradeConfigs = [.with { $0.upgradeType = "websocket" }] }
    if let log = listener.accessLog { manager.accessLog = [log.message] }
    return manager
  }

  private func httpFilter(
    _ use: ProxyConfiguration.CalloutUse, in listener: ProxyConfiguration.HTTPListener
  ) throws(ConfigurationProblem) -> HTTPFilterMessage {
    let callout = try callout(use.name, in: listener.name)
    guard !callout.filter.isNetwork else {
      throw .init(
        .error, .proxy, in: "listener '\(listener.name)'",
        "the callout '\(use.name)' is asked about connections; an HTTP listener takes only those about HTTP: leave it out"
      )
    }
    var filter = HTTPFilterMessage()
    filter.name = callout.name
    filter.disabled = !use.isEnabled
    let configuration = callout.filterConfiguration
    switch form {
    case .inline: filter.typedConfig = configuration
    case .xds: filter.configDiscovery = discovery(of: configuration)
    }
    return filter
  }

  /// A filter that takes its configuration over ADS: a change of it leaves connections alone.
  func discovery(of configuration: Google_Protobuf_Any) -> Envoy_Config_Core_V3_ExtensionConfigSource {
    .with {
      $0.configSource = Self.ads
      $0.typeUrls = [configuration.typeURL]
    }
  }

  func networkFilter(_ callout: Callout) -> NetworkFilterMessage {
    .with {
      $0.name = callout.name
      let configuration = callout.filterConfiguration
      switch form {
      case .inline: $0.typedConfig = configuration
      case .xds: $0.configDiscovery = discovery(of: configuration)
      }
    }
  }

  func extensionConfig(_ callout: Callout) -> ExtensionConfigMessage {
    .with {
      $0.name = callout.name
      $0.typedConfig = callout.filterConfiguration
    }
  }
}

extension ConnectionManagerMessage {
  /// For clients that are strangers, as Envoy's guide for edge proxies advises.
  fileprivate mutating func harden() {
    useRemoteAddress = true
    normalizePath = true
    mergeSlashes = true
    pathWithEscapedSlashesAction = .unescapeAndRedirect
    commonHTTPProtocolOptions.headersWithUnderscoresAction = .rejectRequest
    http2ProtocolOptions.maxConcurrentStreams = .init(100)
    http2ProtocolOptions.initialStreamWindowSize = .init(64 << 10)
    http2ProtocolOptions.initialConnectionWindowSize = .init(1 << 20)
    requestHeadersTimeout = .init(seconds: 10)
  }
}
