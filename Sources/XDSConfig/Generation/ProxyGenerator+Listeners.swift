// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ProxyGenerator {
  mutating func listener(_ listener: ProxyConfiguration.HTTPListener) throws(ConfigurationProblem) -> ListenerMessage {
    let filters = [networkFilter("http_connection_manager", try connectionManager(listener))]
    var message = try self.listener(
      listener.name, at: listener.address, listener.tls, filters, protocols: ["h2", "http/1.1"])
    let buffers = listener.callouts.contains { proxy.callout($0.name)?.filter.buffersBodies ?? false }
    message.perConnectionBufferLimitBytes = .init(listener.bufferLimit ?? (buffers ? 1 << 20 : 32 << 10))
    return message
  }

  mutating func listener(_ listener: ProxyConfiguration.TCPListener) throws(ConfigurationProblem) -> ListenerMessage {
    var filters: [NetworkFilterMessage] = []
    for name in listener.callouts {
      let callout = try callout(name, in: listener.name)
      guard callout.filter.isNetwork else {
        throw .init(
          .error, .proxy, in: "listener '\(listener.name)'",
          "the callout '\(name)' is asked about HTTP, which a TCP listener does not understand; leave it out")
      }
      filters.append(networkFilter(callout))
    }
    let proxy = TCPProxyMessage.with {
      $0.statPrefix = listener.name
      $0.cluster = listener.upstream
      $0.idleTimeout = .init(listener.idleTimeout ?? .zero)
      if let log = listener.accessLog { $0.accessLog = [log.message] }
    }
    filters.append(networkFilter("tcp_proxy", proxy))
    return try self.listener(listener.name, at: listener.address, listener.tls, filters, protocols: [])
  }

  /// A listener with a chain for each certificate, all with the same filters.
  private mutating func listener(
    _ name: String, at address: ProxyAddress, _ tls: ServerTLS?, _ filters: [NetworkFilterMessage], protocols: [String]
  ) throws(ConfigurationProblem) -> ListenerMessage {
    var message = ListenerMessage()
    message.name = name
    message.address = address.message
    guard let tls else {
      message.filterChains = [.with { $0.filters = filters }]
      return message
    }
    guard tls.certificate != nil || !tls.named.isEmpty else {
      throw .init(.error, .proxy, in: "listener '\(name)'", "its TLS has no certificate; give it one")
    }
    for named in tls.named {
      let first = named.names.first ?? ""
      let socket = transportSocket(
        named.certificate, named: "listener/\(name)/\(first)", clients: tls.clientAuthorities, of: name,
        protocols: protocols)
      message.filterChains.append(
        .with {
          $0.name = first
          $0.filterChainMatch.serverNames = named.names
          $0.filters = filters
          $0.transportSocket = socket
        })
    }
    if let certificate = tls.certificate {
      let socket = transportSocket(
        certificate, named: "listener/\(name)", clients: tls.clientAuthorities, of: name, protocols: protocols)
      message.filterChains.append(
        .with {
          $0.name = "default"
          $0.filters = filters
          $0.transportSocket = socket
        })
    }
    if !tls.named.isEmpty { message.listenerFilters = [Self.tlsInspector] }
    return message
  }

  private static let tlsInspector = Envoy_Config_Listener_V3_ListenerFilter.with {
    $0.name = "envoy.filters.listener.tls_inspector"
    $0.typedConfig = .init(stable: Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector())
  }

  private func networkFilter(_ name: String, _ configuration: some Message) -> NetworkFilterMessage {
    .with {
      $0.name = "envoy.filters.network.\(name)"
      $0.typedConfig = .init(stable: configuration)
    }
  }

  func callout(_ name: String, in listener: String) throws(ConfigurationProblem) -> Callout {
    if let callout = proxy.callout(name) { return callout }
    throw .init(
      .error, .proxy, in: "listener '\(listener)'",
      "there is no callout '\(name)': \(oneOf(proxy.callouts.map(\.name), none: "none is described"))")
  }
}

extension ProxyConfiguration.AccessLog {
  var message: Envoy_Config_Accesslog_V3_AccessLog {
    .with {
      switch self {
      case .standardOutput:
        $0.name = "envoy.access_loggers.stdout"
        $0.typedConfig = .init(stable: Envoy_Extensions_AccessLoggers_Stream_V3_StdoutAccessLog())
      case .file(let path):
        $0.name = "envoy.access_loggers.file"
        $0.typedConfig = .init(stable: Envoy_Extensions_AccessLoggers_File_V3_FileAccessLog.with { $0.path = path })
      }
    }
  }
}
