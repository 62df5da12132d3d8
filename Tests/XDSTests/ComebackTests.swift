// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

/// A delta client that opens a new stream, with a cluster `c` and its endpoints.
///
/// Envoy 1.40 does not ask for endpoints whose name it has asked for, and waits for them up to 15 s.
@Suite struct ComebackTests {
  private static let endpoints = make(.clusterLoadAssignment, "c")
  private static func cluster(_ version: String) -> Resource {
    make(.cluster, "c", version, uses: [ResourceReference(.clusterLoadAssignment, "c")])
  }

  private let harness: DiscoveryHarness

  init() throws { harness = try DiscoveryHarness(.delta, [Self.cluster("2"), Self.endpoints]) }

  private func clusters(held version: String) throws -> [Sent] {
    try harness.delta(.cluster, held: ["c": Self.cluster(version).version])
  }

  private func endpoints() throws -> [Sent] {
    try harness.delta(.clusterLoadAssignment, subscribe: ["c"], held: ["c": Self.endpoints.version])
  }

  @Test("endpoints that it holds are sent where their cluster changed meanwhile")
  func changed() throws {
    #expect(try clusters(held: "1").map(\.description) == ["Cluster#1[c]"])
    #expect(try endpoints().map(\.description) == ["ClusterLoadAssignment#2[c]"])
  }

  @Test("endpoints that it holds are sent where it says nothing of clusters, for it is warming one")
  func warming() throws {
    #expect(try endpoints().map(\.description) == ["ClusterLoadAssignment#1[c]"])
  }

  @Test("endpoints that it holds are not sent where nothing changed")
  func unchanged() throws {
    #expect(try clusters(held: "2").allSatisfy(\.names.isEmpty))
    #expect(try endpoints() == [])
  }

  @Test("nor on a stream for endpoints alone")
  func alone() throws {
    let harness = try DiscoveryHarness(.delta, [Self.endpoints], onlyType: .clusterLoadAssignment)
    let sent = try harness.delta(
      .clusterLoadAssignment, subscribe: ["c"], held: ["c": Self.endpoints.version])
    #expect(sent == [])
  }
}
