// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import XDS

@Suite("Many at once", .timeLimit(.minutes(2)))
struct ConcurrencyTests {
  @Test("AC-53: many publish while many come and go", arguments: DiscoveryProtocol.allCases)
  func comeAndGo(speaks: DiscoveryProtocol) async throws {
    let cache = SnapshotCache(group: .byID)
    try await ControlPlane.run(cache) { plane in
      let channel = try await plane.channel()
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for index in 0..<25 {
          let node = "node-\(index % 5)"
          tasks.addTask {
            for version in 0..<10 {
              let report = cache.publish(
                try Snapshot(make(.cluster, ["a@\(index)-\(version)"]), reusing: cache.snapshot(for: node)), for: node)
              _ = report.outcomes
            }
          }
          tasks.addTask {
            let stream = try await WireStream.open(channel, speaks)
            try await stream.ask(.cluster, node: node)
            _ = try await stream.next(.cluster)
            if index % 2 == 0 { stream.call.cancel() } else { stream.call.halfClose() }
          }
        }
        try await tasks.waitForAll()
      }
      try await plane.waitForStreams(0)
      for index in 0..<5 { #expect(cache.watchers(node: "node-\(index)") == 0) }
      // And everything is as it should be.
      cache.publish(try Snapshot(make(.cluster, ["a@last"])), for: "node-0")
      let client = try await plane.client(Variant(speaks: speaks, isAggregated: true), node: "node-0")
      try await client.subscribe(.cluster)
      #expect(try await client.take(.cluster).contents == ["a": "last"])
    }
  }

  @Test("AC-77, AC-78: fifty clients of one cache each get what fifty updates come to")
  func linear() async throws {
    let cache = try LinearCache(.clusterLoadAssignment)
    try await ControlPlane.run(cache) { plane in
      let channel = try await plane.channel()
      var clients: [WireClient] = []
      for index in 0..<50 {
        let speaks: DiscoveryProtocol = index % 2 == 0 ? .delta : .stateOfTheWorld
        let client = WireClient(channel, Variant(speaks: speaks, isAggregated: true), node: "node")
        try await client.subscribe(.clusterLoadAssignment, ["r\(index)"])
        // Delta tells first that it does not exist.
        if speaks == .delta { try await client.take(.clusterLoadAssignment) }
        clients.append(client)
      }
      try await cache.waitForWatchers(50, .clusterLoadAssignment)
      await withTaskGroup(of: Void.self) { tasks in
        for index in 0..<50 {
          tasks.addTask { _ = try? cache.update(make(.clusterLoadAssignment, ["r\(index)"])) }
        }
      }
      #expect(cache.resources.count == 50)
      for (index, client) in clients.enumerated() {
        #expect(try await client.next(.clusterLoadAssignment).contents == ["r\(index)": "1"])
      }
      for (count, client) in clients.enumerated() {
        try await client.stream(.clusterLoadAssignment).call.cancel()
        try await cache.waitForWatchers(49 - count, .clusterLoadAssignment)
      }
    }
  }
}
