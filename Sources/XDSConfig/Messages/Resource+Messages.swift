// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
public import EnvoyConfigAPI
internal import SwiftProtobuf
public import XDS

/// Resources of generated messages: named as Envoy names them, with the other resources that they use.
///
/// The bytes, and with them the version, are the same for the same content. What has a type that is not here becomes a
/// resource with `Resource.init(_:name:body:)`.
extension Resource {
  public convenience init(_ cluster: ClusterMessage, ttl: Duration? = nil) {
    self.init(.cluster, cluster.name, cluster, ttl) { $0.add(cluster) }
  }

  /// Its name is the `cluster_name`.
  public convenience init(_ endpoints: ClusterLoadAssignmentMessage, ttl: Duration? = nil) {
    self.init(.clusterLoadAssignment, endpoints.clusterName, endpoints, ttl) { _ in }
  }

  public convenience init(_ listener: ListenerMessage, ttl: Duration? = nil) {
    self.init(.listener, listener.name, listener, ttl) { $0.add(listener) }
  }

  public convenience init(_ routes: RouteConfigurationMessage, ttl: Duration? = nil) {
    self.init(.routeConfiguration, routes.name, routes, ttl) { $0.add(routes) }
  }

  public convenience init(_ scope: ScopedRouteConfigurationMessage, ttl: Duration? = nil) {
    self.init(.scopedRouteConfiguration, scope.name, scope, ttl) { $0.add(scope) }
  }

  /// - Parameter routeConfiguration: the name of the route configuration that asks for its hosts; the resource is then
  ///   `<route configuration>/<host>`, and can be asked for by each of its domains in place of the host.
  public convenience init(_ host: VirtualHostMessage, of routeConfiguration: String, ttl: Duration? = nil) {
    var collector = ReferenceCollector()
    collector.add(host)
    let domains = host.domains.map { "\(routeConfiguration)/\($0)" }
    let name = "\(routeConfiguration)/\(host.name)"
    self.init(
      .virtualHost, name: name, body: host.stableBytes, aliases: domains.filter { $0 != name }, ttl: ttl,
      references: collector.references)
  }

  public convenience init(_ secret: SecretMessage, ttl: Duration? = nil) {
    self.init(.secret, secret.name, secret, ttl) { _ in }
  }

  public convenience init(_ runtime: RuntimeMessage, ttl: Duration? = nil) {
    self.init(.runtime, runtime.name, runtime, ttl) { _ in }
  }

  /// The configuration of a filter, whose name is the filter's.
  public convenience init(_ filter: ExtensionConfigMessage, ttl: Duration? = nil) {
    self.init(.extensionConfig, filter.name, filter, ttl) { $0.add(filter: filter.typedConfig) }
  }

  private convenience init(
    _ type: ResourceType, _ name: String, _ message: some Message, _ ttl: Duration?,
    _ collect: (inout ReferenceCollector) -> Void
  ) {
    // By REST it is sent as JSON.
    RegisteredTypes.register()
    var collector = ReferenceCollector()
    collect(&collector)
    self.init(type, name: name, body: message.stableBytes, ttl: ttl, references: collector.references)
  }
}
