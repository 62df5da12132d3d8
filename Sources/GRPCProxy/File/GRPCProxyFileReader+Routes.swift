// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import ConfigurationFile

extension GRPCProxyFileReader {
  private static let matches = ["authority", "service", "method", "metadata"]
  private static let forwarding = ["deadline", "max_message_size", "set_metadata", "remove_metadata"]
  private static let keys = matches + ["backend", "refuse"] + forwarding

  func routes(
    _ value: YAMLValue, in proxy: GRPCProxyConfiguration
  ) throws(ConfigurationFileError) -> [GRPCRoute] {
    var routes: [GRPCRoute] = []
    var earlier: [(matcher: RouteMatcher, line: Int?)] = []
    for value in value.list() {
      let route = try route(value, in: proxy)
      let matcher = RouteMatcher(route.match)
      // What several leave over together is not worked out.
      if let taker = earlier.first(where: { $0.matcher.covers(matcher) }) {
        let calls = Self.calls(of: taker.matcher, before: matcher)
        throw value.failure("no call gets to this route: that of line \(taker.line ?? 0) is for \(calls)")
      }
      routes.append(route)
      earlier.append((matcher, value.line))
    }
    guard !routes.isEmpty else { throw value.failure("\(value.what) are none; give one") }
    return routes
  }

  /// The calls of a route that takes all those of a later one, and what to do about it.
  private static func calls(of earlier: RouteMatcher, before later: RouteMatcher) -> String {
    if earlier.covers(RouteMatcher(GRPCRoute.Match())) { return "every call; put that last" }
    return later.covers(earlier) ? "the same calls; keep one" : "all of its calls; put that behind it"
  }

  private func route(
    _ value: YAMLValue, in proxy: GRPCProxyConfiguration
  ) throws(ConfigurationFileError) -> GRPCRoute {
    let map = try value.map("a route", keys: Self.keys)
    guard let key = try map.oneOf(["backend", "refuse"]), let action = map[key] else {
      throw value.failure("a route has no 'backend' or 'refuse'; give it one")
    }
    let match = try match(map)
    if key == "refuse" {
      if let useless = Self.forwarding.first(where: { map[$0] != nil }), let value = map[useless] {
        throw value.failure("a route with 'refuse' goes to no backend; leave '\(useless)' out")
      }
      return GRPCRoute(.refuse(try action.refusal()), for: match)
    }
    let name = try action.text()
    guard proxy.backendSets.contains(where: { $0.name == name }) else {
      throw action.failure(
        "unknown backend '\(name)': \(oneOf(proxy.backendSets.map(\.name), none: "there is none"))")
    }
    var route = GRPCRoute(.forward(to: name), for: match)
    route.deadline = try map["deadline"]?.positiveDuration()
    // A message's length has four bytes.
    route.maxMessageLength = try map["max_message_size"]?.number(1...Int(UInt32.max))
    route.setMetadata = try setMetadata(map)
    route.removedMetadata = try removedMetadata(map, besides: route.setMetadata)
    return route
  }

  private func match(_ map: YAMLMap) throws(ConfigurationFileError) -> GRPCRoute.Match {
    var match = GRPCRoute.Match()
    match.authority = try map["authority"]?.authorityPattern()
    match.service = try map["service"]?.servicePattern()
    match.method = try map["method"]?.method()
    match.metadata = try metadataMatches(map)
    return match
  }
}

extension YAMLValue {
  fileprivate func refusal() throws(ConfigurationFileError) -> GRPCStatus {
    let map = try map("'refuse'", keys: ["code", "message"])
    let value = try map.required("code")
    let text = try value.text()
    // OK, which is 0, would be an answer without a message.
    let codes = (1...16).map { GRPCStatus.Code(rawValue: $0) }
    guard let code = codes.first(where: { $0.description == text }) else {
      throw value.failure(
        "\(value.what) is '\(text)': one of \(codes.map(\.description).joined(separator: ", "))")
    }
    return GRPCStatus(code, try map["message"]?.text() ?? "")
  }

  fileprivate func authorityPattern() throws(ConfigurationFileError) -> String {
    let text = try text()
    guard (text.hasPrefix("*.") ? text.dropFirst(2) : text[...]).isAuthority else {
      throw failure("\(what) is '\(text)': a host, as api.example.com, or all below one, as *.example.com")
    }
    return text
  }

  fileprivate func servicePattern() throws(ConfigurationFileError) -> String {
    let text = try text()
    let name = text.hasSuffix(".*") ? text.dropLast(2) : text[...]
    guard let first = name.first, first != ".", name.isVisible(without: "/*") else {
      throw failure("\(what) is '\(text)': a full name, as shop.v1.Orders, or a package's services, as shop.*")
    }
    return text
  }

  fileprivate func method() throws(ConfigurationFileError) -> String {
    let text = try text()
    guard !text.isEmpty, text.isVisible(without: "/*") else {
      throw failure("\(what) is '\(text)': a method's name alone, as List; give its service as 'service'")
    }
    return text
  }
}
