// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import Testing

@testable import XDS

@Suite("What becomes of what was published", .timeLimit(.minutes(1)))
struct PublishReportTests {
  private let long = Duration.seconds(600)

  private func snapshot(_ version: String) throws -> Snapshot {
    try Snapshot([make(.cluster, "a", version), make(.listener, "l", version)])
  }

  /// A client that has accepted what is published of clusters, and the server knows it.
  private func settledClient(
    _ plane: ControlPlane, _ variant: Variant, _ cache: SnapshotCache, node: String = "node"
  ) async throws -> WireClient {
    let client = try await plane.client(variant, node: node)
    try await client.subscribe(.cluster)
    try await client.take(.cluster)
    while !PublishReport(feed: cache.feed(for: Node(), type: .cluster)!, generation: 0).outcomes.contains(where: {
      $0.node == node && $0.result != .pending
    }) {
      try Task.checkCancellation()
      await Task.yield()
    }
    return client
  }

  @Test("accepted, and refused with node, resource and reason", arguments: Variant.all)
  func answered(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let clients = [
        try await settledClient(plane, variant, cache, node: "good"),
        try await settledClient(plane, variant, cache, node: "bad"),
      ]
      let report = cache.publish(try snapshot("2"))
      async let outcomes = report.converged(timeout: long)
      try await clients[0].take(.cluster)
      try await clients[1].refuse(try await clients[1].next(.cluster), "no such thing")
      let version = try #require(cache.snapshot()?[.cluster]?["a"]?.version)
      let refused = RefusedResource(
        reference: ResourceReference(.cluster, "a"), version: version, detail: "no such thing")
      #expect(
        await outcomes == [
          ClientOutcome(node: "good", result: .acknowledged), ClientOutcome(node: "bad", result: .refused([refused])),
        ])
      #expect(report.outcomes[1].description == "bad refused Cluster 'a': no such thing")

      // What is published in its place is accepted by both.
      let later = cache.publish(try snapshot("3"))
      async let next = later.converged(timeout: long)
      for client in clients { #expect(try await client.take(.cluster).contents == ["a": "3"]) }
      #expect(await next.map(\.result) == [.acknowledged, .acknowledged])
    }
  }

  @Test("a type that is asked for later counts too", arguments: Variant.aggregated)
  func refusedLater(variant: Variant) async throws {
    let cache = SnapshotCache()
    let report = cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, variant, cache)
      #expect(report.outcomes.map(\.result) == [.acknowledged])
      try await client.subscribe(.listener)
      try await client.refuse(try await client.next(.listener), "no such filter")
      while report.outcomes.map(\.result) == [.acknowledged] {
        try Task.checkCancellation()
        await Task.yield()
      }
      #expect(report.outcomes.first?.description == "node refused Listener 'l': no such filter")
    }
  }

  @Test("pending while a client does not answer, and when the time is over")
  func pending() async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, Variant.all[0], cache)
      let report = cache.publish(try snapshot("2"))
      let unanswered = try await client.next(.cluster)
      #expect(await report.converged(timeout: .zero).map(\.result) == [.pending])
      #expect(report.outcomes.first?.description == "node has not answered")
      try await client.accept(unanswered)
      #expect(await report.converged(timeout: long).map(\.result) == [.acknowledged])
    }
  }

  @Test("a later publication that was accepted counts for those before it", arguments: Variant.all)
  func superseded(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, variant, cache)
      let reports = try (2...5).map { cache.publish(try snapshot("\($0)")) }
      let waiting = reports.map { report in Task { await report.converged(timeout: long) } }
      while try await client.take(.cluster).contents != ["a": "5"] {}
      for task in waiting { #expect(await task.value.map(\.result) == [.acknowledged]) }
    }
  }

  @Test("what changes nothing for a client is accepted at once", arguments: Variant.all)
  func nothingToSend(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, variant, cache)
      let report = cache.publish(try Snapshot([make(.cluster, "a", "1"), make(.listener, "l", "2")]))
      #expect(await report.converged(timeout: long).map(\.result) == [.acknowledged])
      cache.publish(try snapshot("3"))
      #expect(try await client.take(.cluster).contents == ["a": "3"])
    }
  }

  @Test("a client that leaves is not waited for", arguments: Variant.all)
  func leaves(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, variant, cache)
      let report = cache.publish(try snapshot("2"))
      _ = try await client.next(.cluster)
      async let outcomes = report.converged(timeout: long)
      try await client.stream(.cluster).call.cancel()
      #expect(await outcomes.isEmpty)
    }
  }

  @Test("a wait that is cancelled ends")
  func cancelled() async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot("1"))
    try await ControlPlane.run(cache) { plane in
      let client = try await settledClient(plane, Variant.all[0], cache)
      let report = cache.publish(try snapshot("2"))
      let waiting = Task { await report.converged(timeout: long) }
      _ = try await client.next(.cluster)
      waiting.cancel()
      #expect(await waiting.value.map(\.result) == [.pending])
    }
  }

  @Test("nobody is there: nothing is waited for")
  func nobody() async throws {
    #expect(await SnapshotCache().publish(try snapshot("1")).converged(timeout: long).isEmpty)
  }
}
