// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Testing

@testable import XDS

@Suite("Callbacks of a control plane", .timeLimit(.minutes(1)))
struct CallbackTests {
  private func cache(_ version: String = "1") throws -> SnapshotCache {
    let cache = SnapshotCache()
    cache.publish(try Snapshot([make(.cluster, "a", version), make(.listener, "l", version)]))
    return cache
  }

  @Test("they tell in order what happens, asynchronous ones too", arguments: Variant.all, [false, true])
  func order(variant: Variant, isSlow: Bool) async throws {
    let cache = try cache()
    let callbacks = RecordedCallbacks { _ in if isSlow { for _ in 0..<20 { await Task.yield() } } }
    try await ControlPlane.run(cache, callbacks: callbacks) { plane in
      let client = try await plane.client(variant)
      try await client.subscribe(.cluster)
      let first = try await client.take(.cluster)
      cache.publish(try Snapshot([make(.cluster, "a", "2")]))
      let second = try await client.next(.cluster)
      #expect(second.contents == ["a": "2"])
      try await client.refuse(second, "too new")
      try await callbacks.journal.wait { $0.contains { $0.contains("refused") } }
      try await client.stream(.cluster).call.halfClose()
      try await callbacks.journal.wait { $0.last?.contains("closed") == true }
      #expect(
        callbacks.journal.all == [
          "1 opened", "1 request Cluster ", "1 response Cluster 1 a", "1 request Cluster 1",
          "1 answered Cluster 1 accepted", "1 response Cluster 2 a", "1 request Cluster 2",
          "1 answered Cluster 2 refused a: too new", "1 closed node",
        ])
      #expect([first.nonce, second.nonce] == ["1", "2"])
    }
  }

  @Test("a stale request is told before anything is made of it")
  func stale() async throws {
    let callbacks = RecordedCallbacks()
    try await ControlPlane.run(try cache(), callbacks: callbacks) { plane in
      let client = try await plane.client(Variant(speaks: .stateOfTheWorld, isAggregated: true))
      try await client.subscribe(.cluster)
      var answer = try await client.next(.cluster)
      answer.nonce = "old"
      try await client.accept(answer)
      try await callbacks.journal.wait { $0.last == "1 answered Cluster old stale" }
      #expect(callbacks.journal.all.suffix(2).first == "1 request Cluster old")
    }
  }

  @Test(
    "AC-12, AC-25: one that throws ends the stream, with the status that it throws, and the end is told",
    arguments: DiscoveryProtocol.allCases, ["opened", "request", "response", "answered"])
  func failure(speaks: DiscoveryProtocol, callback: String) async throws {
    let cache = try cache()
    let failure = GRPCStatus(.failedPrecondition, "not you")
    let callbacks = RecordedCallbacks { if $0 == callback { throw failure } }
    try await ControlPlane.run(cache, callbacks: callbacks) { plane in
      let client = try await plane.client(Variant(speaks: speaks, isAggregated: true))
      // The stream may be over before a request is sent, or while a second one is on its way.
      try? await client.subscribe(.cluster)
      try? await client.subscribe(.listener)
      if callback == "answered" { try await client.take(.cluster) }
      #expect(try await client.stream(.cluster).status == failure)
      try await callbacks.journal.wait { $0.last?.hasPrefix("1 closed") == true }
      #expect(callbacks.journal.all.filter { $0.contains("closed") }.count == 1)
      #expect(callbacks.journal.all.allSatisfy { !$0.contains(" \(callback)") })
      #expect(plane.server.service.open.isEmpty && cache.watchers() == 0)
      if callback == "opened" { #expect(callbacks.journal.all == ["1 closed "]) }
    }
  }

  @Test("an error that is no status is UNKNOWN, its text kept from the client")
  func otherError() async throws {
    struct Secret: Error {}
    let callbacks = RecordedCallbacks { _ in throw Secret() }
    try await ControlPlane.run(try cache(), callbacks: callbacks) { plane in
      let stream = try await WireStream.open(try await plane.channel(), .delta)
      #expect(await stream.status == GRPCStatus(.unknown, "the handler failed"))
    }
  }

  @Test("the end is told of a client that leaves while a callback waits, once that is done")
  func leavesMeanwhile() async throws {
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let callbacks = RecordedCallbacks { if $0 == "request" { for await _ in gate {} } }
    let cache = try cache()
    try await ControlPlane.run(cache, callbacks: callbacks) { plane in
      let stream = try await WireStream.open(try await plane.channel(), .delta)
      try await stream.ask(.cluster)
      try await callbacks.journal.wait { $0 == ["1 opened"] }
      stream.call.cancel()
      try await plane.waitForStreams(0)
      #expect(callbacks.journal.all == ["1 opened"])
      opener.finish()
      try await callbacks.journal.wait { $0.last == "1 closed node" }
      #expect(callbacks.journal.all == ["1 opened", "1 request Cluster ", "1 closed node"])
    }
  }

  @Test("numbers tell streams of both protocols apart")
  func numbers() async throws {
    let callbacks = RecordedCallbacks()
    try await ControlPlane.run(try cache(), callbacks: callbacks) { plane in
      for (index, variant) in (Variant.all + Variant.all).enumerated() {
        try await plane.client(variant).subscribe(.cluster)
        try await callbacks.journal.wait { $0.contains { $0.hasPrefix("\(index + 1) response") } }
      }
      let opened = callbacks.journal.all.filter { $0.hasSuffix("opened") }
      #expect(opened == (1...8).map { "\($0) opened" })
    }
  }
}
