// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Testing

@Suite("Backends that are given up", .timeLimit(.minutes(1)))
struct BackendRetirementTests {
  @Test("calls under way go on, and then their connections close")
  func callsUnderWay() async throws {
    try await withBackends("a", "b") { backends in
      let pool = try BackendPool(BackendSet("set", backends.map(\.backend)))
      try await ProxyClient.run(pool) { client in
        let calls = [try await client.hold(), try await client.hold()]
        pool.retire()
        for call in calls {
          for _ in 0..<3 { #expect(try await call.again() == call.backend) }
          try await call.release()
        }
        for backend in backends { try await backend.connectionsClosed() }
      }
    }
  }

  @Test("connections without calls close at once")
  func noCalls() async throws {
    try await withBackends("a", "b") { backends in
      let pool = try BackendPool(BackendSet("set", backends.map(\.backend)))
      try await ProxyClient.run(pool) { client in
        #expect(try await client.who(times: 2) == ["a", "b"])
        pool.retire()
        for backend in backends { try await backend.connectionsClosed() }
        #expect(backends.map(\.connectionCount) == [1, 1])
      }
    }
  }

  @Test("calls that wait for their connection get it")
  func waitingCalls() async throws {
    let backend = try await SlowBackend.start("a")
    let pool = try BackendPool(BackendSet("set", [backend.backend]))
    try await ProxyClient.run(pool) { client in
      async let name = client.who()
      let connection = try await backend.connected()
      pool.retire()
      try await connection.greet()
      #expect(try await name == "a")
      try await connection.closed()
    }
    await backend.stop()
  }

  @Test("a pool that nobody has any more is retired with its last call")
  func letGo() async throws {
    try await withBackends("a") { backends in
      let set = BackendSet("set", [backends[0].backend])
      try await ProxyClient.run(directing: Director { _ in .to(try BackendPool(set)) }) { client in
        let held = try await client.hold()
        #expect(try await held.again() == "a")
        try await held.release()
        try await backends[0].connectionsClosed()
      }
    }
  }
}
