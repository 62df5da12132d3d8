// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import NIOCore
import Testing

@Suite("P9: a proxy that stops gracefully", .timeLimit(.minutes(1)))
struct GracefulStopTests {
  @Test("after use it stops at once, though clients and backends are still connected")
  func afterUse() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, backend in
      let channel = try await proxy.connect()
      #expect(try await channel.ask("Ping", "foo").texts() == ["42 foo"])
      await proxy.server.drain()
      #expect(proxy.summaries.noted.map(\.status) == [.ok])
      // The backend is nobody else's to stop.
      let direct = try await backend.connect()
      #expect(try await direct.ask("Ping", "foo").texts() == ["42 foo"])
      await direct.close()
      await channel.close()
    }
  }

  @Test("during use it waits for the calls that it has, and takes no new ones")
  func duringUse() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, _ in
      let channel = try await proxy.connect()
      let call = try await channel.call(PingService.path("PingStream"))
      try await call.send(ByteBuffer(string: "x"))
      #expect(try await call.next() == ByteBuffer(string: "0 x"))

      let drained = Counter()
      async let draining: Void = {
        await proxy.server.drain()
        drained.add()
      }()
      // Whoever asks learns of it, sooner or later: a call that is still taken is served.
      var refusal: GRPCStatus.Code?
      while refusal == nil {
        let code = await (try? channel.ask("Ping").ending.status.code) ?? .unavailable
        if code != .ok { refusal = code }
      }
      #expect(refusal == .unavailable)
      for number in 1...20 {
        try await call.send(ByteBuffer(string: "x"))
        #expect(try await call.next() == ByteBuffer(string: "\(number) x"))
      }
      #expect(drained.value == 0)
      call.halfClose()
      #expect(try await call.texts() == [])
      #expect(await call.ending.status == .ok)
      await draining
      await channel.close()
    }
  }

  @Test("backends that are let go of keep the calls that they have to the end")
  func retiredBackends() async throws {
    try await withServer([PingService.make()]) { backend in
      let pool = try BackendPool(to: "\(backend.target)")
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
      try await ended(proxy.stop) {
        let channel = try await proxy.connect()
        let call = try await channel.call(PingService.path("PingStream"))
        for number in 0..<20 {
          if number == 10 { pool.retire() }
          try await call.send(ByteBuffer(string: "x"))
          #expect(try await call.next() == ByteBuffer(string: "\(number) x"))
        }
        call.halfClose()
        #expect(try await call.texts() == [])
        #expect(await call.ending.status == .ok)
        await channel.close()
      }
    }
  }
}
