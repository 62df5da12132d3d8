// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Logging

/// Routes with the backends that they lead to.
struct RoutingTable: Sendable {
  let pools: [String: BackendPool]
  private let routes: [(matcher: RouteMatcher, route: GRPCRoute, pool: BackendPool?)]

  /// - Parameter pools: those of the table before, which are kept where their configuration is the same.
  init(_ configuration: GRPCProxyConfiguration, keeping before: [String: BackendPool], logger: Logger) throws {
    var pools: [String: BackendPool] = [:]
    for set in configuration.backendSets {
      guard pools[set.name] == nil else {
        throw GRPCStatus(.invalidArgument, "two backend sets have the name '\(set.name)': give each its own")
      }
      let kept = before[set.name].flatMap { $0.configuration == set ? $0 : nil }
      pools[set.name] = try kept ?? BackendPool(set, logger: logger)
    }
    self.pools = pools
    routes = try configuration.routes.map { route in
      guard case .forward(let name) = route.action else { return (RouteMatcher(route.match), route, nil) }
      guard let pool = pools[name] else {
        throw GRPCStatus(.invalidArgument, "a route leads to backend set '\(name)', which there is not")
      }
      return (RouteMatcher(route.match), route, pool)
    }
  }

  func direct(_ call: IncomingCall) throws(GRPCStatus) -> CallDirection {
    guard let (_, route, pool) = routes.first(where: { $0.matcher.matches(call) }) else {
      throw GRPCStatus(.unimplemented, "no route for \(call.fullMethod)")
    }
    guard let pool else {
      guard case .refuse(let status) = route.action else { preconditionFailure("a route that leads nowhere") }
      throw status
    }
    var direction = CallDirection.to(pool)
    direction.backendSet = pool.name
    direction.timeout = route.deadline
    direction.maxMessageLength = route.maxMessageLength
    direction.metadata = route.metadata(for: call)
    return direction
  }
}

extension GRPCRoute {
  /// The metadata that backends get, or nil where it is the client's.
  fileprivate func metadata(for call: IncomingCall) -> Metadata? {
    guard !setMetadata.isEmpty || !removedMetadata.isEmpty else { return nil }
    var metadata = call.metadata
    for name in removedMetadata { metadata.remove(name) }
    metadata.replace(with: setMetadata)
    return metadata
  }
}

extension Metadata {
  /// Puts all entries of another in place of those under the same names.
  fileprivate mutating func replace(with other: Metadata) {
    for entry in other { remove(entry.name) }
    append(contentsOf: other)
  }
}
