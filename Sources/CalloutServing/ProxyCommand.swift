// SPDX-License-Identifier: Apache-2.0
internal import XDSConfig

/// What a server does about its proxy instead of serving.
package enum ProxyCommand: Sendable, Hashable {
  /// Prints what an Envoy starts with that gets everything else from this server.
  case printBootstrap
  /// Prints the whole configuration, for an Envoy without xDS.
  case printConfiguration
  /// Prints what is wrong with the description of the proxy.
  case check

  /// Throws `StartupError` where there is nothing that could be printed, or the check finds an error.
  func run(_ description: ProxyDescription?, _ configuration: ServerConfiguration) throws {
    let proxy = try description?.current() ?? ProxyConfiguration()
    switch self {
    case .printBootstrap: print(try bootstrap(configuration), terminator: "")
    case .printConfiguration: print(try proxy.staticBootstrap(node: Self.node, admin: Self.admin), terminator: "")
    case .check: try check(proxy)
    }
  }

  private func bootstrap(_ configuration: ServerConfiguration) throws -> String {
    var bootstrap = XDSBootstrap(
      node: Self.node, server: configuration.xdsAddress.reached(by: configuration.advertisedHost))
    bootstrap.admin = Self.admin
    if configuration.xdsClientAuthoritiesPath != nil {
      guard let certificate = configuration.certificateChainPath else {
        throw StartupError(
          "--xds-client-ca needs --cert-chain-path: proxies could not tell a certificate made at start")
      }
      bootstrap.tls = ClientTLS(
        serverName: configuration.advertisedHost, authorities: .file(certificate),
        certificate: ProxyCertificate(chain: .file("/etc/envoy/xds.pem"), privateKey: .file("/etc/envoy/xds.key")))
    }
    return try bootstrap.yaml()
  }

  private func check(_ proxy: ProxyConfiguration) throws {
    let problems = proxy.problems()
    for problem in problems where problem.severity == .warning { print("warning: \(problem)") }
    if let error = problems.first(where: { $0.severity == .error }) { throw StartupError("\(error)") }
    print("the proxy's configuration is good: \(try proxy.resources().count) resources")
  }

  /// Each Envoy should have an id of its own: `envoy --service-node`.
  private static let node = XDSBootstrap.Node(id: "envoy", cluster: "proxy")
  private static let admin = ProxyAddress("127.0.0.1", 9901)
}
