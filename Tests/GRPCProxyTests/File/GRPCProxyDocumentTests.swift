// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Testing

@Suite("docs/grpc-proxy-yaml.md") struct GRPCProxyDocumentTests {
  @Test("the example says what it seems to say") func example() throws {
    try ProxyFolder.with { folder in
      try folder.write(folder.authority.certificateChain, to: "spare-ca.pem")
      let proxy = try folder.read(try documentedExample())
      #expect(proxy.backendSets == [try orders(), try catalog(folder), try local()])
      #expect(proxy.routes == routes)
    }
  }

  private func orders() throws -> BackendSet {
    var set = BackendSet(
      "orders", try ["10.0.0.7:50051", "10.0.0.8:50051"].map { Backend(try #require(GRPCTarget($0))) })
    set.balancing = .leastRequest
    set.healthCheck = .init()
    set.healthCheck?.service = "shop.v1.Orders"
    return set
  }

  private func catalog(_ folder: ProxyFolder) throws -> BackendSet {
    let authority = folder.authority.certificateChain
    var tls = GRPCChannel.TLS(trustRoots: authority)
    tls.subjectAltNames = ["spiffe://shop.example.com/catalog"]
    tls.identity = .init(
      certificateChain: folder.identity.certificateChain, privateKey: folder.identity.privateKey)
    let spare = Backend(
      try #require(GRPCTarget("10.1.0.9:8443")),
      tls: .init(trustRoots: authority, serverName: "spare.catalog.internal"), authority: "spare.catalog.internal")
    var set = BackendSet(
      "catalog",
      [Backend(try #require(GRPCTarget("catalog.internal:443")), tls: tls, authority: "catalog.internal"), spare])
    set.resolutionInterval = .seconds(10)
    set.connection.connectTimeout = .seconds(2)
    set.connection.keepalive = .init(every: .seconds(300))
    set.connection.maxConnections = 4
    set.connection.idleTime = .seconds(600)
    return set
  }

  private func local() throws -> BackendSet {
    var set = BackendSet("local", [Backend(try #require(GRPCTarget("unix:/run/local.sock")))])
    set.outlierDetection = nil
    return set
  }

  private var routes: [GRPCRoute] {
    let reflection = GRPCRoute(
      .refuse(.init(.permissionDenied, "reflection is for insiders")), for: .init(service: "grpc.reflection.*"))
    var watch = GRPCRoute(
      .forward(to: "orders"),
      for: .init(authority: "*.shop.example.com", service: "shop.v1.Orders", method: "Watch"))
    watch.match.metadata = ["x-tier": "gold", "x-trace": nil]
    watch.deadline = .seconds(3_600)
    var shop = GRPCRoute(.forward(to: "orders"), for: .init(service: "shop.v1.*"))
    shop.deadline = .seconds(15)
    shop.maxMessageLength = 1_048_576
    shop.setMetadata = ["x-proxy": "edge", "x-scope": "read", "x-scope": "write"]
    shop.removedMetadata = ["x-internal", "cookie"]
    let catalog = GRPCRoute(.forward(to: "catalog"), for: .init(service: "catalog.v1.Catalog"))
    return [reflection, watch, shop, catalog, GRPCRoute(.forward(to: "local"))]
  }
}
