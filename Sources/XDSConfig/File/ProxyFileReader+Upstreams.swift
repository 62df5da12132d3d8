// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

extension ProxyFileReader {
  func upstream(_ value: YAMLValue, in proxy: ProxyConfiguration) throws(ConfigurationFileError)
    -> ProxyConfiguration.Upstream
  {
    let map = try value.map(
      "an upstream",
      keys: [
        "name", "endpoints", "dns", "eds", "http2", "tls", "connect_timeout", "health_check", "balancing",
      ])
    let name = try map.newName("upstreams", among: proxy.upstreams.map(\.name))
    if let callout = proxy.callouts.first(where: { $0.server.cluster == name }) {
      throw try map.required("name").failure(
        "the server of the callout '\(callout.name)' has the name '\(name)' already")
    }
    let endpoints = try map.required("endpoints")
    var upstream = ProxyConfiguration.Upstream(name, at: try endpoints.addresses())
    guard !upstream.endpoints.isEmpty else { throw endpoints.failure("\(endpoints.what) are none; give one") }
    if let value = map["dns"] {
      upstream.dns = try value.choice(["all": .allAddresses, "first": .firstAddress])
      if upstream.dns == .firstAddress, upstream.endpoints.count > 1 {
        throw value.failure("'dns: first' takes one endpoint alone; use 'all', or give one endpoint")
      }
    }
    if let value = map["eds"] {
      upstream.usesEDS = try value.bool()
      if upstream.usesEDS, let name = upstream.endpoints.first(where: \.isName) {
        throw value.failure("EDS takes addresses, and '\(name)' is a name; give addresses, or leave 'eds' out")
      }
    }
    if let value = map["http2"] { upstream.httpVersion = try value.bool() ? .http2 : .http1 }
    upstream.tls = try map["tls"]?.clientTLS()
    if let value = map["connect_timeout"] { upstream.connectTimeout = try value.duration() }
    upstream.healthCheck = try map["health_check"]?.healthCheck()
    if let value = map["balancing"] {
      upstream.balancing = try value.choice([
        "least_request": .leastRequest, "round_robin": .roundRobin, "random": .random,
      ])
    }
    return upstream
  }
}

extension YAMLValue {
  /// `tcp`, or a mapping.
  fileprivate func healthCheck() throws(ConfigurationFileError) -> ProxyConfiguration.HealthCheck {
    if !isMap, try text() == "tcp" { return .init(.tcp) }
    let kinds = ["http", "tcp", "grpc"]
    let map = try map("a health check", keys: kinds + ["interval", "timeout"])
    guard let key = try map.oneOf(kinds), let value = map[key] else {
      throw failure("a health check has no kind: 'http: /path', 'grpc: service' or 'tcp: true'")
    }
    var check: ProxyConfiguration.HealthCheck
    switch key {
    case "http":
      let path = try value.text()
      guard path.hasPrefix("/") else { throw value.failure("\(value.what) is '\(path)': a path that begins with /") }
      check = .init(.http(path: path))
    case "grpc": check = .init(.grpc(service: try value.text()))
    default:
      guard try value.bool() else { throw value.failure("\(value.what) can only be true; leave it out") }
      check = .init(.tcp)
    }
    if let value = map["interval"] { check.interval = try value.duration() }
    if let value = map["timeout"] { check.timeout = try value.duration() }
    return check
  }
}
