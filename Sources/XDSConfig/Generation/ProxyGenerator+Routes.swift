// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ProxyGenerator {
  func routeConfiguration(
    _ listener: ProxyConfiguration.HTTPListener
  ) throws(ConfigurationProblem) -> RouteConfigurationMessage {
    var configuration = RouteConfigurationMessage()
    configuration.name = listener.name
    for (number, host) in listener.hosts.enumerated() {
      guard !host.domains.isEmpty else {
        throw .init(
          .error, .proxy, in: "listener '\(listener.name)', host \(number + 1)",
          "it has no domain; give it one, or '*' for every domain")
      }
      var message = VirtualHostMessage()
      message.name = host.domains[0] == "*" ? "all" : host.domains[0]
      message.domains = host.domains
      for (number, route) in host.routes.enumerated() {
        let place = "listener '\(listener.name)', host '\(message.name)', route \(number + 1)"
        message.routes.append(try self.route(route, of: listener, place))
      }
      configuration.virtualHosts.append(message)
    }
    return configuration
  }

  private func route(
    _ route: ProxyConfiguration.Route, of listener: ProxyConfiguration.HTTPListener, _ place: String
  ) throws(ConfigurationProblem) -> RouteMessage {
    var message = RouteMessage()
    switch route.path {
    case .prefix(let prefix): message.match.prefix = prefix
    case .exact(let path): message.match.path = path
    case .regex(let regex): message.match.safeRegex.regex = regex
    }
    message.match.headers = route.headers.map(\.message)
    switch route.action {
    case .respond(let status, let body):
      message.directResponse.status = status
      if !body.isEmpty { message.directResponse.body.inlineString = body }
    case .forward(let forward):
      if case .regex = route.path, forward.prefixRewrite != nil {
        throw .init(
          .error, .proxy, in: place, "a path that is matched by a regex has no prefix to rewrite; leave it out")
      }
      message.route = try action(forward, place)
    }
    for (name, override) in route.callouts {
      guard listener.callouts.contains(where: { $0.name == name }), let callout = proxy.callout(name) else {
        throw .init(
          .error, .proxy, in: place,
          "the listener has no callout '\(name)': \(oneOf(listener.callouts.map(\.name), none: "it has none"))")
      }
      message.typedPerFilterConfig[name] = callout.routeConfiguration(override)
    }
    return message
  }

  private func action(
    _ forward: ProxyConfiguration.Forward, _ place: String
  ) throws(ConfigurationProblem) -> Envoy_Config_Route_V3_RouteAction {
    guard let first = forward.upstreams.first else {
      throw .init(.error, .proxy, in: place, "it has no upstream; name one")
    }
    return .with {
      if forward.upstreams.count == 1 {
        $0.cluster = first.name
      } else {
        $0.weightedClusters.clusters = forward.upstreams.map { upstream in
          .with {
            $0.name = upstream.name
            $0.weight = .init(upstream.weight)
          }
        }
      }
      $0.timeout = .init(forward.timeout ?? .zero)
      if let prefix = forward.prefixRewrite { $0.prefixRewrite = prefix }
      if let host = forward.hostRewrite { $0.hostRewriteLiteral = host }
      if forward.retries > 0 {
        $0.retryPolicy.retryOn = "connect-failure,refused-stream"
        $0.retryPolicy.numRetries = .init(UInt32(forward.retries))
      }
    }
  }
}

extension ProxyConfiguration.HeaderMatch {
  fileprivate var message: Envoy_Config_Route_V3_HeaderMatcher {
    .with {
      $0.name = name
      switch value {
      case .present(let isPresent): $0.presentMatch = isPresent
      case .exact(let text): $0.stringMatch.exact = text
      case .prefix(let text): $0.stringMatch.prefix = text
      case .suffix(let text): $0.stringMatch.suffix = text
      case .contains(let text): $0.stringMatch.contains = text
      case .regex(let text): $0.stringMatch.safeRegex.regex = text
      }
    }
  }
}
