// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

/// What an Envoy starts with that takes everything else from an xDS server.
public struct XDSBootstrap: Sendable, Hashable {
  /// What Envoy calls itself: the id is its own, the cluster is shared by those that get the same.
  public var node: Node
  /// Where the xDS server is: an address, or a name that is looked up again and again.
  public var server: ProxyAddress
  /// TLS to the xDS server, or nil for plaintext. What it names must be there before the stream is: files, or inline.
  public var tls: ClientTLS?
  /// How resources travel.
  public var transport = Transport.delta
  /// Where Envoy's admin interface listens, or nil for nowhere. It has no password: keep it local.
  public var admin: ProxyAddress?

  public init(node: Node, server: ProxyAddress) {
    self.node = node
    self.server = server
  }

  public struct Node: Sendable, Hashable {
    public var id: String
    public var cluster: String

    public init(id: String, cluster: String) {
      self.id = id
      self.cluster = cluster
    }
  }

  public enum Transport: String, Sendable, Hashable, CaseIterable {
    /// Changes alone.
    case delta
    /// All resources of a type each time.
    case stateOfTheWorld = "sotw"
  }

  /// The bootstrap as YAML, for `envoy --config-path`.
  ///
  /// The stream is ADS, of one cluster, `xds_cluster`, with HTTP/2 that notices a dead connection.
  public func yaml() throws(ConfigurationProblem) -> String {
    let cluster = try xdsCluster()
    let bootstrap = BootstrapMessage.with {
      $0.setUp(node: node, admin: admin)
      $0.dynamicResources.adsConfig.apiType = transport == .delta ? .deltaGrpc : .grpc
      $0.dynamicResources.adsConfig.transportApiVersion = .v3
      $0.dynamicResources.adsConfig.setNodeOnFirstMessageOnly = true
      $0.dynamicResources.adsConfig.grpcServices = [.with { $0.envoyGrpc.clusterName = Self.clusterName }]
      $0.dynamicResources.ldsConfig = ProxyGenerator.ads
      $0.dynamicResources.cdsConfig = ProxyGenerator.ads
      $0.staticResources.clusters = [cluster]
    }
    return try bootstrap.yaml()
  }

  /// The name of the xDS server's cluster, which no other may have.
  static let clusterName = "xds_cluster"

  private func xdsCluster() throws(ConfigurationProblem) -> ClusterMessage {
    var location = CalloutServerLocation([server], cluster: Self.clusterName, tls: tls)
    location.checksHealth = false
    var generator = try ProxyGenerator(ProxyConfiguration(), .inline)
    var cluster = try generator.cluster(location)
    // One stream for each Envoy: nothing that could reach a limit.
    cluster.clearCircuitBreakers()
    return cluster
  }
}

extension BootstrapMessage {
  mutating func setUp(node: XDSBootstrap.Node?, admin: ProxyAddress?) {
    if let node {
      self.node.id = node.id
      self.node.cluster = node.cluster
    }
    if let admin { self.admin.address = admin.message }
  }
}
