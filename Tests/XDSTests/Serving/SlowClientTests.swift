// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import XDS

@Suite("A client that does not read", .timeLimit(.minutes(2)))
struct SlowClientTests {
  /// Longer than what is written for a client that takes nothing.
  private static let padding = String(repeating: "x", count: 3 * 1_024 * 1_024)

  private func snapshot(_ version: Int) throws -> Snapshot {
    try Snapshot([make(.cluster, "a", "\(version) \(Self.padding)"), make(.listener, "l", "\(version)")])
  }

  private func version(_ answer: Answer) -> Int? {
    answer.contents["a"]?.split(separator: " ").first.flatMap { Int($0) }
  }

  @Test(
    "AC-55: publishing does not wait for it, others are served, and what it reads later is the newest",
    arguments: DiscoveryProtocol.allCases)
  func unread(speaks: DiscoveryProtocol) async throws {
    let cache = SnapshotCache()
    cache.publish(try snapshot(0))
    var configuration = XDSServer.Configuration()
    // It is not waited for, so that only what is unread holds back what comes next.
    configuration.answerTime = .milliseconds(1)
    try await ControlPlane.run(cache, configuration: configuration) { plane in
      let stuck = try await WireStream.open(try await plane.channel(), speaks)
      try await stuck.ask(.cluster)
      let other = try await plane.client(Variant(speaks: speaks, isAggregated: true))
      try await other.subscribe(.listener)
      #expect(try await other.take(.listener).contents == ["l": "0"])
      try await cache.waitForWatchers(2)

      for index in 1...30 {
        cache.publish(try snapshot(index))
        #expect(try await other.take(.listener).contents == ["l": "\(index)"])
      }
      // What was on its way when it was first not read, and after that nothing but the newest.
      var seen: [Int] = []
      repeat { seen.append(try #require(version(try await stuck.next(.cluster)))) } while seen.last != 30
      #expect(seen.first == 0 && seen == seen.sorted() && seen.count < 12, "\(seen)")
    }
  }

  @Test("AC-55: a client that does not answer is sent one response, and then the newest", arguments: Variant.all)
  func unanswered(variant: Variant) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a", "0")]))
    var configuration = XDSServer.Configuration()
    configuration.answerTime = .seconds(600)
    try await ControlPlane.run(cache, configuration: configuration) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.cluster)
      let first = try await client.next(.cluster)
      for version in 1...50 { cache.publish(try Snapshot([make(.cluster, "a", "\(version)")])) }
      try await client.accept(first)
      let second = try await client.next(.cluster)
      #expect(first.contents == ["a": "0"] && second.contents == ["a": "50"])
    }
  }
}
