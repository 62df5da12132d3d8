// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import ConfigurationFile

extension GRPCProxyFileReader {
  private static let keys = [
    "name", "endpoints", "balancing", "authority", "tls", "health_check", "outlier_detection", "resolution_interval",
    "connect_timeout", "keepalive", "max_connections", "idle_time",
  ]

  func backendSet(
    _ value: YAMLValue, in proxy: GRPCProxyConfiguration
  ) throws(ConfigurationFileError) -> BackendSet {
    let map = try value.map("a backend", keys: Self.keys)
    _ = try map.required("name").nonEmptyText()
    let name = try map.newName("backends", among: proxy.backendSets.map(\.name))
    var set = BackendSet(name, try backends(map))
    if let value = map["balancing"] {
      set.balancing = try value.choice(["round_robin": .roundRobin, "least_request": .leastRequest])
    }
    set.healthCheck = try map["health_check"]?.healthCheck()
    if let value = map["outlier_detection"] { set.outlierDetection = try value.outlierDetection() }
    if let value = map["resolution_interval"] { set.resolutionInterval = try value.positiveDuration() }
    set.connection = try map.connection()
    return set
  }

  private func backends(_ map: YAMLMap) throws(ConfigurationFileError) -> [Backend] {
    let endpoints = try map.required("endpoints")
    var tls: GRPCChannel.TLS?
    if let value = map["tls"] { tls = try self.tls(value) }
    let authority = try map["authority"]?.authority()
    var backends: [Backend] = []
    for value in endpoints.list() {
      let backend = try backend(value, tls: tls, authority: authority)
      guard !backends.contains(backend) else {
        throw value.failure("the endpoint '\(backend.target)' is there twice; keep one")
      }
      backends.append(backend)
    }
    guard !backends.isEmpty else { throw endpoints.failure("\(endpoints.what) are none; give one") }
    return backends
  }

  /// An address, or a mapping that says what is different for one endpoint.
  private func backend(
    _ value: YAMLValue, tls: GRPCChannel.TLS?, authority: String?
  ) throws(ConfigurationFileError) -> Backend {
    guard value.isMap else { return Backend(try value.target(), tls: tls, authority: authority) }
    let map = try value.map("an endpoint", keys: ["address", "authority", "tls"])
    var backend = Backend(try map.required("address").target(), tls: tls, authority: authority)
    if let value = map["tls"] { backend.tls = try self.tls(value) }
    if let value = map["authority"] { backend.authority = try value.authority() }
    return backend
  }
}

extension YAMLValue {
  fileprivate func target() throws(ConfigurationFileError) -> GRPCTarget {
    let text = try text()
    guard let target = GRPCTarget(text), text.hasPrefix("unix:") || text.isAuthority else {
      throw failure("\(what) is '\(text)': host:port, [IPv6]:port or unix:/path")
    }
    return target
  }
}
