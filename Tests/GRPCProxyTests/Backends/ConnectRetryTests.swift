// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import Testing

@Suite("Calls of which nothing was sent", .timeLimit(.minutes(1)))
struct ConnectRetryTests {
  @Test("a backend that cannot be connected to is passed over for the next one", arguments: [0, 1, 2])
  func nextBackend(place: Int) async throws {
    try await withBackends("good") { backends in
      var all = [NamedBackend.refusing, NamedBackend.refusing]
      all.insert(backends[0].backend, at: place)
      var set = BackendSet("set", all)
      set.outlierDetection = nil
      set.connection.initialBackoff = .zero
      set.connection.maxBackoff = .zero
      try await ProxyClient.run(BackendPool(set)) { (client) async throws in
        for _ in 0..<6 {
          #expect(try await client.who() == "good")
          // Only who got the call is told of.
          #expect(await client.summaries.next()?.backends == ["\(backends[0].backend.target)"])
        }
      }
    }
  }

  @Test("during its pause it is not even tried, and none of its turns go to waste")
  func inBackoff() async throws {
    try await withBackends("a", "b") { backends in
      var set = BackendSet("set", [NamedBackend.refusing] + backends.map(\.backend))
      set.outlierDetection = nil
      set.connection.initialBackoff = .seconds(3_600)
      set.connection.maxBackoff = .seconds(3_600)
      try await ProxyClient.run(BackendPool(set)) { client in
        _ = try await client.who()
        let names = try await client.who(times: 6)
        #expect(names == ["a", "b", "a", "b", "a", "b"] || names == ["b", "a", "b", "a", "b", "a"])
      }
    }
  }

  @Test("where none can be connected to, the call ends with UNAVAILABLE and the last one's reason")
  func noBackend() async throws {
    let set = BackendSet("set", [NamedBackend.refusing, NamedBackend.refusing])
    try await ProxyClient.run(BackendPool(set)) { client in
      let status = await client.status()
      #expect(status.code == .unavailable)
      #expect(status.message.hasPrefix("cannot connect to unix:/nonexistent/callouts.sock: ") == true)
      #expect(await client.summaries.next()?.backends == [])
    }
  }

  @Test("a call that a backend has got is not given to another one")
  func alreadySent() async throws {
    try await withBackends("a", "b") { backends in
      try await ProxyClient.run(BackendPool(BackendSet("set", backends.map(\.backend)))) { client in
        let held = try await client.hold()
        #expect(held.backend == "a")
        await backends[0].stop()
        #expect(await held.call.ending.status.code == .unavailable)
        #expect(backends[1].connectionCount == 0)
        #expect(try await client.who() == "b")
      }
    }
  }
}
