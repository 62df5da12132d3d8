// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC

/// Which calls go to which servers.
public struct GRPCProxyConfiguration: Sendable, Hashable {
  /// Their names are distinct.
  public var backendSets: [BackendSet]
  /// The first that matches a call is used. A call that none matches ends with UNIMPLEMENTED.
  public var routes: [GRPCRoute]

  public init(backendSets: [BackendSet], routes: [GRPCRoute]) {
    self.backendSets = backendSets
    self.routes = routes
  }

  /// Everything to one server.
  public init(to backend: Backend) {
    let set = BackendSet("\(backend.target)", [backend])
    self.init(backendSets: [set], routes: [GRPCRoute(.forward(to: set.name))])
  }
}
