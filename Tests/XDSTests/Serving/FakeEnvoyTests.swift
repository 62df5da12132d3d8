// SPDX-License-Identifier: Apache-2.0
import EnvoyConfigAPI
import ExtProcTesting
import Foundation
import SwiftProtobuf
import Testing
import XDSConfig

@testable import XDS

@Suite("What Envoy makes of what is published", .timeLimit(.minutes(1)))
struct FakeEnvoyTests {
  private typealias Manager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager

  static let envoys = DiscoveryConfiguration.Variant.allCases.flatMap { variant in
    [DiscoveryConfiguration.Streams.aggregated, .separate].map { (variant, $0) }
  }

  /// Removes what is not used any more without waiting for requests that may still use it.
  private var quick: XDSServer.Configuration {
    var configuration = XDSServer.Configuration()
    configuration.removalDelay = .zero
    return configuration
  }

  /// What has become of it, once streams that were opened meanwhile have been answered too.
  private func outcomes(of report: PublishReport) async -> [ClientOutcome] {
    var outcomes: [ClientOutcome]
    repeat {
      outcomes = await report.converged(timeout: .seconds(600))
    } while outcomes.contains { $0.result == .pending } && !Task.isCancelled
    return outcomes
  }

  private func envoy(_ kind: (DiscoveryConfiguration.Variant, DiscoveryConfiguration.Streams)) -> DiscoveryClient {
    var configuration = DiscoveryConfiguration(kind.0, nodeID: "node_1")
    configuration.streams = kind.1
    return DiscoveryClient(configuration)
  }

  private func cluster(_ name: String, eds: Bool = true) -> Resource {
    Resource(
      ClusterMessage.with {
        $0.name = name
        if eds { $0.type = .eds }
      })
  }

  /// A listener whose routes lead to clusters, all of which have another name in each version.
  private func snapshot(_ version: Int) throws -> Snapshot {
    let clusters = (0..<4).map { "cluster-v\(version)-\($0)" }
    let manager = Manager.with { $0.rds.routeConfigName = "routes" }
    let listener = try ListenerMessage.with {
      $0.name = "web"
      $0.filterChains = [
        try .with { $0.filters = [try .with { $0.typedConfig = try Google_Protobuf_Any(message: manager) }] }
      ]
    }
    let routes = RouteConfigurationMessage.with {
      $0.name = "routes"
      $0.virtualHosts = [
        .with { host in
          host.name = "all"
          host.domains = ["*"]
          host.routes = clusters.map { cluster in
            .with {
              $0.match.prefix = "/\(cluster)"
              $0.route.cluster = cluster
            }
          }
        }
      ]
    }
    return try Snapshot(
      clusters.map { cluster($0) }
        + clusters.map { name in
          Resource(ClusterLoadAssignmentMessage.with { $0.clusterName = name })
        } + [Resource(listener), Resource(routes)])
  }

  @Test(
    "AC-95: what was fetched is accepted, then what came in its place; after the end another can serve there",
    arguments: envoys)
  func roundTrip(kind: (DiscoveryConfiguration.Variant, DiscoveryConfiguration.Streams)) async throws {
    let socket = FileManager.default.temporaryDirectory.appending(path: "xds-\(UUID().uuidString)").path
    let cache = SnapshotCache(group: .byID)
    cache.publish(try Snapshot((1...3).map { cluster("cluster-\($0)", eds: false) }), for: "node_1")
    let envoy = envoy(kind)
    try await ControlPlane.run(cache, configuration: quick, at: .unix(socket)) { plane in
      envoy.connect(over: try await plane.channel())
      try await envoy.wait { $0.held(.cluster).keys.sorted() == ["cluster-1", "cluster-2", "cluster-3"] }
      let report = cache.publish(
        try Snapshot([2, 4].map { cluster("cluster-\($0)", eds: false) }), for: "node_1")
      try await envoy.wait { $0.held(.cluster).keys.sorted() == ["cluster-2", "cluster-4"] }
      let outcomes = await outcomes(of: report)
      #expect(!outcomes.isEmpty)
      for outcome in outcomes { #expect(outcome.description == "node_1 has it") }
      #expect(envoy.state.responses.allSatisfy { $0.refusal == nil })
    }
    #expect(try await envoy.ending(of: kind.1 == .separate ? .cluster : nil) == .ok)
    try await ControlPlane.run(cache, configuration: quick, at: .unix(socket)) { plane in
      envoy.connect(over: try await plane.channel())
      cache.publish(try Snapshot([cluster("cluster-5", eds: false)]), for: "node_1")
      try await envoy.wait { $0.held(.cluster).keys.sorted() == ["cluster-5"] }
      envoy.disconnect()
    }
  }

  @Test("AC-120: three configurations one after the other, each taken over whole", arguments: envoys)
  func updates(kind: (DiscoveryConfiguration.Variant, DiscoveryConfiguration.Streams)) async throws {
    let cache = SnapshotCache()
    try await ControlPlane.run(cache, configuration: quick) { plane in
      let envoy = envoy(kind)
      envoy.connect(over: try await plane.channel())
      for version in 0..<3 {
        let report = cache.publish(try snapshot(version))
        let clusters = (0..<4).map { "cluster-v\(version)-\($0)" }
        let state = try await envoy.wait {
          $0.held(.cluster).keys.sorted() == clusters && $0.held(.clusterLoadAssignment).keys.sorted() == clusters
            && $0.held(.listener).count == 1 && $0.warming.isEmpty
            && $0.held(.routeConfiguration)["routes"].map { String(decoding: $0.body, as: UTF8.self) }?
              .contains(clusters[0]) == true
        }
        #expect(await outcomes(of: report).allSatisfy { $0.result == .acknowledged })
        #expect(state.responses.allSatisfy { $0.refusal == nil })
      }
      if kind.1 == .aggregated { expectMadeBeforeBroken(envoy.state) }
      envoy.disconnect()
      try await plane.waitForStreams(0)
    }
  }

  /// Routes come after the clusters that they lead to, which are there until the routes lead elsewhere.
  private func expectMadeBeforeBroken(_ state: EnvoyDiscoveryState) {
    let isWhole = state.requests.contains { if case .stateOfTheWorld = $0 { true } else { false } }
    var clusters: Set<String> = []
    var routed = -1
    for response in state.responses {
      switch response.type {
      case .cluster:
        clusters = isWhole ? Set(response.names) : clusters.union(response.names).subtracting(response.removed)
      case .routeConfiguration: routed += 1
      default: break
      }
      guard routed >= 0 else { continue }
      #expect(clusters.filter { $0.contains("-v\(routed)-") }.count == 4, "\(response)")
    }
    #expect(routed == 2)
  }
}
