// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

extension ProxyConfiguration {
  /// The whole configuration as YAML, for `envoy --config-path`, without any xDS.
  ///
  /// - Parameters:
  ///   - node: what Envoy calls itself, or nil where nobody asks.
  ///   - admin: where Envoy's admin interface listens, or nil for nowhere. It has no password: keep it local.
  ///
  /// Throws where no configuration can be made of the description, such as for a callout that is not described.
  public func staticBootstrap(
    node: XDSBootstrap.Node? = nil, admin: ProxyAddress? = nil
  ) throws(ConfigurationProblem) -> String {
    let generated = try ProxyGenerator(self, .inline)
    let bootstrap = BootstrapMessage.with {
      $0.setUp(node: node, admin: admin)
      $0.staticResources.listeners = generated.listeners
      $0.staticResources.clusters = generated.clusters
    }
    return try bootstrap.yaml()
  }
}
