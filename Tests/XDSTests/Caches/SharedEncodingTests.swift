// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import XDS

@Suite("What streams share") struct SharedEncodingTests {
  /// Where the bytes are.
  private func storage(_ response: DiscoveryResponse) -> UnsafeRawPointer? {
    response.body.withUnsafeReadableBytes { $0.baseAddress.map { UnsafeRawPointer($0) } }
  }

  private func streams(_ count: Int, _ speaks: DiscoveryProtocol) throws -> [DiscoveryState] {
    try (0..<count).map { _ in
      let state = DiscoveryState(speaks)
      let wants: DiscoveryRequest.Wants =
        speaks == .delta
        ? .change(subscribe: [], unsubscribe: [], initialVersions: [:]) : .all([], version: "")
      _ = try state.receive(DiscoveryRequest(.cluster, wants)) { _ in nil }
      return state
    }
  }

  @Test("AC-64: resources are encoded once for all streams, and so are changes", arguments: DiscoveryProtocol.allCases)
  func once(speaks: DiscoveryProtocol) throws {
    let streams = try streams(3, speaks)
    var sets = [try ResourceSet(.cluster, make(.cluster, ["a", "b", "c"]))]
    sets.append(sets[0].changing(updates: make(.cluster, ["b@2"]), removals: ["a"]))
    for set in sets {
      // They are all kept, for otherwise one would be where the last one was.
      var responses: [DiscoveryResponse] = []
      for index in streams.indices {
        let response = try #require(streams[index].next { _ in set })
        #expect(response.names == (speaks == .delta && set === sets[1] ? ["b"] : set.resources.keys.sorted()))
        responses.append(response)
        streams[index].stopWaiting()
      }
      let places = Set(responses.map(storage))
      #expect(places.count == 1 && places.first != .some(nil))
    }
  }

  @Test("AC-64: heartbeats have the version, and only resources with a TTL")
  func heartbeats() throws {
    let harness = try DiscoveryHarness(.delta, make(.cluster, ["a"]) + [make(.cluster, "b", ttl: .seconds(3))])
    let sent = try harness.delta(.cluster)
    _ = try harness.accept(sent[0])
    let heartbeats = harness.heartbeats()
    #expect(heartbeats.count == 1)
    #expect(heartbeats.first?.names == ["b"] && heartbeats.first?.version == sent[0].version)
  }
}
