// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile

extension ProxyFileReader {
  private static let matches = ["prefix", "path", "regex"]
  private static let forwarding = ["timeout", "prefix_rewrite", "host_rewrite", "retries"]
  private static let keys = matches + ["headers", "upstream", "upstreams", "respond"] + forwarding + ["callouts"]

  func routes(
    _ value: YAMLValue, of listener: ProxyConfiguration.HTTPListener, in proxy: ProxyConfiguration
  ) throws(ConfigurationFileError) -> [ProxyConfiguration.Route] {
    var routes: [ProxyConfiguration.Route] = []
    for value in value.list() { routes.append(try route(value, of: listener, in: proxy)) }
    return routes
  }

  private func route(
    _ value: YAMLValue, of listener: ProxyConfiguration.HTTPListener, in proxy: ProxyConfiguration
  ) throws(ConfigurationFileError) -> ProxyConfiguration.Route {
    let map = try value.map("a route", keys: Self.keys)
    var route = ProxyConfiguration.Route(try path(map), try action(map, in: proxy))
    for (name, member) in try map["headers"]?.map("headers").members ?? [] {
      route.headers.append(.init(name, try header(member.value)))
    }
    if case .regex = route.path, let value = map["prefix_rewrite"] {
      throw value.failure("a route with 'regex' has no prefix to rewrite; leave 'prefix_rewrite' out")
    }
    for (name, member) in try map["callouts"]?.map("callouts").members ?? [] {
      guard listener.callouts.contains(where: { $0.name == name }), let callout = proxy.callout(name) else {
        throw ConfigurationFileError(
          file, line: member.keyLine,
          "the listener has no callout '\(name)': \(oneOf(listener.callouts.map(\.name), none: "it has none"))")
      }
      route.callouts[name] = try override(member.value, of: callout)
    }
    return route
  }

  private func path(_ map: YAMLMap) throws(ConfigurationFileError) -> ProxyConfiguration.PathMatch {
    guard let key = try map.oneOf(Self.matches), let value = map[key] else {
      throw map.place.failure("a route has no 'prefix', 'path' or 'regex'; give it one, such as 'prefix: /'")
    }
    let text = try value.text()
    if key != "regex", !text.hasPrefix("/") { throw value.failure("\(value.what) is '\(text)': it begins with /") }
    return key == "prefix" ? .prefix(text) : key == "path" ? .exact(text) : .regex(text)
  }

  private func header(_ value: YAMLValue) throws(ConfigurationFileError) -> ProxyConfiguration.HeaderMatch.Value {
    guard value.isMap else { return .exact(try value.text()) }
    let keys = ["exact", "prefix", "suffix", "contains", "regex", "present"]
    let map = try value.map("a header", keys: keys)
    guard let key = try map.oneOf(keys), let content = map[key] else {
      throw value.failure("\(value.what) says nothing of its value: one of \(keys.joined(separator: ", "))")
    }
    switch key {
    case "present": return .present(try content.bool())
    case "prefix": return .prefix(try content.text())
    case "suffix": return .suffix(try content.text())
    case "contains": return .contains(try content.text())
    case "regex": return .regex(try content.text())
    default: return .exact(try content.text())
    }
  }

  private func action(_ map: YAMLMap, in proxy: ProxyConfiguration) throws(ConfigurationFileError)
    -> ProxyConfiguration.Action
  {
    guard let key = try map.oneOf(["upstream", "upstreams", "respond"]), let value = map[key] else {
      throw map.place.failure("a route has no 'upstream', 'upstreams' or 'respond'; give it one")
    }
    if key == "respond" {
      if let useless = Self.forwarding.first(where: { map[$0] != nil }), let value = map[useless] {
        throw value.failure("a route with 'respond' goes to no upstream; leave '\(useless)' out")
      }
      let map = try value.map("'respond'", keys: ["status", "body"])
      return .respond(status: try map.required("status").number(200...599), body: try map["body"]?.text() ?? "")
    }
    var forward = ProxyConfiguration.Forward(to: [])
    if key == "upstream" {
      forward.upstreams = [.init(try upstreamName(value, in: proxy), weight: 1)]
    } else {
      for (name, member) in try value.map("upstreams").members {
        guard proxy.upstream(name) != nil else {
          throw ConfigurationFileError(
            file, line: member.keyLine,
            "unknown upstream '\(name)': \(oneOf(proxy.upstreams.map(\.name), none: "there is none"))")
        }
        forward.upstreams.append(.init(name, weight: try member.value.number(0...1_000_000)))
      }
      guard forward.upstreams.contains(where: { $0.weight > 0 }) else {
        throw value.failure("'upstreams' has no weight over 0; give one")
      }
    }
    if let value = map["timeout"] { forward.timeout = try value.durationOrNone() }
    forward.prefixRewrite = try map["prefix_rewrite"]?.text()
    forward.hostRewrite = try map["host_rewrite"]?.text()
    if let value = map["retries"] { forward.retries = try value.number(0...10) }
    return .forward(forward)
  }

  private func override(
    _ value: YAMLValue, of callout: Callout
  ) throws(ConfigurationFileError) -> ProxyConfiguration.CalloutOverride {
    guard value.isMap else { return .init(isEnabled: try value.bool()) }
    var override = ProxyConfiguration.CalloutOverride.on
    switch callout.filter {
    case .extProc(let filter):
      let what = "'\(callout.name)' of a route"
      let keys = ProcessingModeKeys.all + ["fail_open", "request_attributes", "response_attributes"]
      let map = try value.map(what, keys: keys)
      if ProcessingModeKeys.all.contains(where: { map[$0] != nil }) {
        override.processingMode = try map.processingMode(from: filter.processingMode)
      }
      override.failOpen = try map["fail_open"]?.bool()
      override.requestAttributes = try map["request_attributes"]?.texts()
      override.responseAttributes = try map["response_attributes"]?.texts()
    case .extAuthz:
      let map = try value.map("'\(callout.name)' of a route", keys: ["context"])
      var context: [String: String] = [:]
      for (key, member) in try map["context"]?.map("context").members ?? [] { context[key] = try member.value.text() }
      override.contextExtensions = context
    case .networkExtProc: break
    }
    return override
  }
}
