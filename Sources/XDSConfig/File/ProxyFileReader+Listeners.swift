// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

extension ProxyFileReader {
  private static let common = ["name", "address", "protocol", "tls", "callouts", "access_log"]

  func listener(_ value: YAMLValue, in proxy: ProxyConfiguration) throws(ConfigurationFileError)
    -> ProxyConfiguration.Listener
  {
    let isHTTP =
      try value.map("a listener")["protocol"]?.choice(["http": true, "tcp": false] as KeyValuePairs<String, Bool>)
      ?? true
    return isHTTP ? .http(try httpListener(value, in: proxy)) : .tcp(try tcpListener(value, in: proxy))
  }

  private func tcpListener(
    _ value: YAMLValue, in proxy: ProxyConfiguration
  ) throws(ConfigurationFileError) -> ProxyConfiguration.TCPListener {
    let map = try value.map("a TCP listener", keys: Self.common + ["upstream", "idle_timeout"])
    let name = try map.newName("listeners", among: proxy.listeners.map(\.name))
    let upstream = try upstreamName(try map.required("upstream"), in: proxy)
    var listener = ProxyConfiguration.TCPListener(name, at: try map.required("address").address(), to: upstream)
    listener.tls = try map["tls"]?.serverTLS()
    listener.callouts = try calloutUses(map, in: proxy, network: true).map(\.name)
    if let value = map["idle_timeout"] { listener.idleTimeout = try value.durationOrNone() }
    listener.accessLog = try map["access_log"]?.accessLog()
    return listener
  }

  private func httpListener(
    _ value: YAMLValue, in proxy: ProxyConfiguration
  ) throws(ConfigurationFileError) -> ProxyConfiguration.HTTPListener {
    let map = try value.map(
      "an HTTP listener",
      keys: Self.common + [
        "routes", "hosts", "edge", "idle_timeout", "stream_idle_timeout", "request_timeout", "buffer_limit",
        "websocket",
      ])
    let name = try map.newName("listeners", among: proxy.listeners.map(\.name))
    let uses = try calloutUses(map, in: proxy, network: false)
    var listener = ProxyConfiguration.HTTPListener(
      name, at: try map.required("address").address(), hosts: [], callouts: uses)
    guard let key = try map.oneOf(["routes", "hosts"]), let content = map[key] else {
      throw value.failure("an HTTP listener has no 'routes'; give it some, or 'hosts'")
    }
    if key == "routes" {
      listener.hosts = [.init(routes: try routes(content, of: listener, in: proxy))]
    } else {
      for host in content.list() {
        let map = try host.map("a host", keys: ["domains", "routes"])
        let routes = try routes(try map.required("routes"), of: listener, in: proxy)
        listener.hosts.append(.init(try map.required("domains").texts(), routes: routes))
      }
    }
    listener.tls = try map["tls"]?.serverTLS()
    if let value = map["edge"] { listener.isEdge = try value.bool() }
    if let value = map["idle_timeout"] { listener.idleTimeout = try value.durationOrNone() }
    if let value = map["stream_idle_timeout"] { listener.streamIdleTimeout = try value.durationOrNone() }
    if let value = map["request_timeout"] { listener.requestTimeout = try value.durationOrNone() }
    listener.bufferLimit = try map["buffer_limit"]?.number(1...(.max))
    if let value = map["websocket"] { listener.allowsWebSocket = try value.bool() }
    listener.accessLog = try map["access_log"]?.accessLog()
    return listener
  }

  /// The callouts that a listener names, or else all of this server's own that it can ask.
  private func calloutUses(
    _ map: YAMLMap, in proxy: ProxyConfiguration, network: Bool
  ) throws(ConfigurationFileError) -> [ProxyConfiguration.CalloutUse] {
    guard let list = map["callouts"] else {
      let own = Set(ownCallouts.map(\.name))
      return proxy.callouts.filter { own.contains($0.name) && $0.filter.isNetwork == network }.map { .init($0.name) }
    }
    var uses: [ProxyConfiguration.CalloutUse] = []
    for value in list.list() {
      var use: ProxyConfiguration.CalloutUse
      var place = value
      if value.isMap {
        let map = try value.map("a callout of a listener", keys: ["name", "enabled"])
        place = try map.required("name")
        use = .init(try place.text(), isEnabled: try map["enabled"]?.bool() ?? true)
        if network, !use.isEnabled { throw value.failure("a TCP listener cannot turn a callout off; leave it out") }
      } else {
        use = .init(try value.text())
      }
      guard let callout = proxy.callout(use.name) else {
        throw place.failure(
          "unknown callout '\(use.name)': \(oneOf(proxy.callouts.map(\.name), none: "there is none"))")
      }
      guard callout.filter.isNetwork == network else {
        throw place.failure(
          network
            ? "the callout '\(use.name)' is about HTTP, which a TCP listener does not understand; leave it out"
            : "the callout '\(use.name)' is about connections; it needs a listener with 'protocol: tcp'")
      }
      guard !uses.contains(where: { $0.name == use.name }) else {
        throw place.failure("the callout '\(use.name)' is there twice; keep one")
      }
      uses.append(use)
    }
    return uses
  }

  func upstreamName(_ value: YAMLValue, in proxy: ProxyConfiguration) throws(ConfigurationFileError) -> String {
    let name = try value.text()
    guard proxy.upstream(name) != nil else {
      throw value.failure("unknown upstream '\(name)': \(oneOf(proxy.upstreams.map(\.name), none: "there is none"))")
    }
    return name
  }
}

extension YAMLValue {
  fileprivate func accessLog() throws(ConfigurationFileError) -> ProxyConfiguration.AccessLog {
    let text = try text()
    if text == "stdout" { return .standardOutput }
    guard text.hasPrefix("/") else { throw failure("\(what) is '\(text)': stdout, or the path of a file from / on") }
    return .file(text)
  }
}
