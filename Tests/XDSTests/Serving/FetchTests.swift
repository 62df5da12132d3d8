// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import XDS

@Suite("Fetch by gRPC", .timeLimit(.minutes(1)))
struct FetchTests {
  private typealias Request = Envoy_Service_Discovery_V3_DiscoveryRequest
  private typealias Response = Envoy_Service_Discovery_V3_DiscoveryResponse

  static let methods: [(type: ResourceType, path: String)] = [
    (.cluster, "envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters"),
    (.clusterLoadAssignment, "envoy.service.endpoint.v3.EndpointDiscoveryService/FetchEndpoints"),
    (.listener, "envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners"),
    (.routeConfiguration, "envoy.service.route.v3.RouteDiscoveryService/FetchRoutes"),
    (.scopedRouteConfiguration, "envoy.service.route.v3.ScopedRoutesDiscoveryService/FetchScopedRoutes"),
    (.secret, "envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets"),
    (.runtime, "envoy.service.runtime.v3.RuntimeDiscoveryService/FetchRuntime"),
    (.extensionConfig, "envoy.service.extension.v3.ExtensionConfigDiscoveryService/FetchExtensionConfigs"),
    (.rateLimitConfig, "ratelimit.service.ratelimit.v3.RateLimitConfigDiscoveryService/FetchRlsConfigs"),
  ]

  private func fetch(_ plane: ControlPlane, _ path: String, _ request: Request) async throws -> Response {
    try await plane.channel().unary("/\(path)", request)
  }

  /// What a client of a type asks that implies the type.
  private func request(_ names: [String] = [], version: String = "") -> Request {
    .with {
      $0.node.id = "node"
      $0.resourceNames = names
      $0.versionInfo = version
    }
  }

  @Test("AC-3, AC-51: each type has what is published, again for a client that has it", arguments: methods)
  func fetch(type: ResourceType, path: String) async throws {
    let cache = SnapshotCache()
    let callbacks = RecordedCallbacks()
    try await ControlPlane.run(cache, callbacks: callbacks) { plane in
      await #expect(throws: GRPCStatus(.unavailable, "nothing is published for node 'node'")) {
        try await fetch(plane, path, request(["a"]))
      }
      cache.publish(try Snapshot(make(type, ["a", "b"])))
      let all = try Answer(try await fetch(plane, path, request()))
      #expect(all.type == type && all.contents == ["a": "1", "b": "1"])
      let one = try Answer(try await fetch(plane, path, request(["b", "none"])))
      #expect(one.contents == ["b": "1"])
      let again = try Answer(try await fetch(plane, path, request(["b"], version: one.version)))
      #expect(again.contents == one.contents && again.version == one.version)
      #expect(
        callbacks.journal.all == [
          "fetch \(type) node", "fetch \(type) node", "fetched \(type) a,b node", "fetch \(type) node",
          "fetched \(type) b node", "fetch \(type) node", "fetched \(type) b node",
        ])
    }
  }

  @Test("AC-3: a callback that throws fails the fetch")
  func callback() async throws {
    let failure = GRPCStatus(.permissionDenied, "not you")
    let callbacks = RecordedCallbacks { _ in throw failure }
    let cache = SnapshotCache()
    cache.publish(try Snapshot(make(.cluster, ["a"])))
    try await ControlPlane.run(cache, callbacks: callbacks) { plane in
      await #expect(throws: failure) { try await fetch(plane, Self.methods[0].path, request()) }
      #expect(callbacks.journal.all.isEmpty)
    }
  }

  @Test("another type than the method's is INVALID_ARGUMENT")
  func otherType() async throws {
    try await ControlPlane.run(SnapshotCache()) { plane in
      let error = await #expect(throws: GRPCStatus.self) {
        try await fetch(plane, Self.methods[0].path, .asking(of: .listener))
      }
      #expect(error?.code == .invalidArgument)
    }
  }
}
