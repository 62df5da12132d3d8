// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import Testing

@Suite("Which backend a call of one connection goes to", .timeLimit(.minutes(1)))
struct BalancingTests {
  @Test("one after the other, in their order")
  func roundRobin() async throws {
    try await withBackends("a", "b", "c") { backends in
      try await ProxyClient.run(BackendPool(BackendSet("set", backends.map(\.backend)))) { (client) async throws in
        #expect(try await client.who(times: 8) == ["a", "b", "c", "a", "b", "c", "a", "b"])
      }
      #expect(backends.map(\.connectionCount) == [1, 1, 1])
    }
  }

  @Test("a call that goes on does not change the turns of the others")
  func roundRobinWithBusyBackend() async throws {
    try await withBackends("a", "b") { backends in
      try await ProxyClient.run(BackendPool(BackendSet("set", backends.map(\.backend)))) { client in
        let held = try await client.hold()
        #expect(held.backend == "a")
        #expect(try await client.who(times: 4) == ["b", "a", "b", "a"])
        try await held.release()
      }
    }
  }

  @Test("the one with the fewest calls, and one after the other where these are equal")
  func leastRequest() async throws {
    try await withBackends("a", "b", "c") { backends in
      var set = BackendSet("set", backends.map(\.backend))
      set.balancing = .leastRequest
      try await ProxyClient.run(BackendPool(set)) { client in
        #expect(try await client.who(times: 4) == ["a", "b", "c", "a"])
        let first = try await client.hold()
        // Never the busy one, whosever turn it is.
        let others = try await client.who(times: 20)
        #expect(Set(others + [first.backend]) == ["a", "b", "c"])
        #expect(!others.contains(first.backend))

        let second = try await client.hold()
        let idle = try #require(["a", "b", "c"].first { $0 != first.backend && $0 != second.backend })
        #expect(try await client.who(times: 10) == Array(repeating: idle, count: 10))
        // A call that has ended counts no more.
        try await first.release()
        #expect(try await Set(client.who(times: 10)) == [idle, first.backend])
        try await second.release()
      }
    }
  }

  @Test("calls that are given up count no more, either")
  func leastRequestGivenUp() async throws {
    try await withBackends("a", "b") { backends in
      var set = BackendSet("set", backends.map(\.backend))
      set.balancing = .leastRequest
      try await ProxyClient.run(BackendPool(set)) { client in
        let held = try await client.hold()
        #expect(held.backend == "a")
        held.call.cancel()
        #expect(await client.summaries.next()?.status == .cancelled)
        #expect(try await Set(client.who(times: 4)) == ["a", "b"])
      }
    }
  }

  @Test("a backend that is named twice has two turns")
  func weights() async throws {
    try await withBackends("a", "b") { backends in
      let (a, b) = (backends[0].backend, backends[1].backend)
      try await ProxyClient.run(BackendPool(BackendSet("set", [a, a, b]))) { (client) async throws in
        #expect(try await client.who(times: 6) == ["a", "a", "b", "a", "a", "b"])
      }
    }
  }
}
