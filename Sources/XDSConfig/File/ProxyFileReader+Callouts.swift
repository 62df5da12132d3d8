// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

extension ProxyFileReader {
  private static let server = ["address", "tls", "authority", "max_requests", "checks_health"]
  private static let settings: [String: [String]] = [
    "ext_proc": ProcessingModeKeys.all + [
      "message_timeout", "max_message_timeout", "fail_open", "status_on_error", "request_attributes",
      "response_attributes", "forward_headers", "forward_metadata", "accept_metadata", "header_rules",
      "observe_only", "allow_mode_override", "route_cache", "send_body_at_once",
    ],
    "network_ext_proc": ["read", "write", "message_timeout", "fail_open", "forward_metadata"],
    "ext_authz": [
      "timeout", "fail_open", "status_on_error", "max_body", "allow_partial_body", "forward_headers",
      "forward_metadata", "clear_route_cache", "peer_certificate", "tls_session",
    ],
  ]

  /// Adds a callout, or gives one of this server's own other settings.
  func addCallout(_ value: YAMLValue, to proxy: inout ProxyConfiguration) throws(ConfigurationFileError) {
    let nameValue = try value.map("a callout").required("name")
    let name = try nameValue.text()
    if let own = ownCallouts.firstIndex(where: { $0.name == name }) {
      let kind = ownCallouts[own].filter.kind
      let what = "'\(name)', a callout of this server"
      let map = try value.map(what, keys: ["name"] + (Self.settings[kind] ?? []))
      guard proxy.callouts[own].filter == ownCallouts[own].filter else {
        throw nameValue.failure("the callout '\(name)' is there twice; keep one")
      }
      proxy.callouts[own].filter = try map.filter(from: ownCallouts[own].filter)
      return
    }
    guard proxy.callout(name) == nil else {
      throw nameValue.failure("the callout '\(name)' is there twice; rename one")
    }
    guard value.isMap(with: "address") else {
      throw nameValue.failure(
        "the callout '\(name)' has no 'address', and is none of this server's own: "
          + oneOf(ownCallouts.map(\.name), none: "it has none"))
    }
    let kind = try value.map("a callout")["kind"]?.choice([
      "ext_proc": CalloutFilter.extProc(.init()), "network_ext_proc": .networkExtProc(.init()),
      "ext_authz": .extAuthz(.init()),
    ])
    let filter = kind ?? .extProc(.init())
    let keys = ["name", "kind"] + Self.server + (Self.settings[filter.kind] ?? [])
    let map = try value.map("a callout of the kind \(filter.kind)", keys: keys)
    let server = try location(map, name, in: proxy)
    proxy.callouts.append(Callout(name, try map.filter(from: filter), at: server))
  }

  private func location(
    _ map: YAMLMap, _ name: String, in proxy: ProxyConfiguration
  ) throws(ConfigurationFileError) -> CalloutServerLocation {
    var location = CalloutServerLocation(try map.required("address").addresses(), cluster: "callout-\(name)")
    location.tls = try map["tls"]?.clientTLS()
    location.authority = try map["authority"]?.text()
    if let value = map["max_requests"] { location.maxRequests = try value.number(1...(.max)) }
    if let value = map["checks_health"] { location.checksHealth = try value.bool() }
    // Callouts of one server share its connections.
    for other in proxy.callouts.map(\.server) {
      var same = location
      same.cluster = other.cluster
      if same == other { return other }
    }
    return location
  }
}

extension YAMLValue {
  fileprivate func isMap(with key: String) -> Bool { (try? map(what))?[key] != nil }
}

extension CalloutFilter {
  fileprivate var kind: String {
    switch self {
    case .extProc: "ext_proc"
    case .networkExtProc: "network_ext_proc"
    case .extAuthz: "ext_authz"
    }
  }
}
