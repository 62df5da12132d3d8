// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("clients that give their calls up", .timeLimit(.minutes(1)))
struct CancellationTests {
  enum Way: CaseIterable { case reset, disconnection }

  @Test("the backend sees it, in the middle of a stream", arguments: Way.allCases)
  func midStream(way: Way) async throws {
    let ends = Events<HTTP2ErrorCode?>()
    try await withProxy(to: { call, _ in
      call.send(headers: PingService.head([:]))
      call.send(ByteBuffer(string: "1"))
      ends.send(await call.closed())
    }) { proxy, backend in
      let client = try await BareClient(to: proxy.server)
      let call = try await client.open()
      #expect(try await call.message()?.text == "1")
      switch way {
      case .reset: call.reset(.cancel)
      case .disconnection: await client.close()
      }
      #expect(await ends.next() == .cancel)
      let summary = await proxy.summaries.next()
      #expect(summary?.status == .cancelled)
      #expect(summary?.backends == ["\(backend.target)"])
      #expect(summary?.bytesSent == 6)
      await client.close()
    }
  }

  @Test("gRPC's Python sees it too", .enabled(if: ProxyPeer.python != nil, "\(ProxyPeer.hint)"))
  func foreign() async throws {
    try await ProxyPeer.withBackend { backend, process in
      let pool = try BackendPool(BackendSet("backends", [backend]))
      defer { pool.retire() }
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
      try await ended(proxy.stop) {
        let channel = try await proxy.connect()
        let call = try await channel.call(PingService.path("PingStream"))
        try await call.send(ByteBuffer(string: "x"))
        #expect(try await call.next() == ByteBuffer(string: "0 x"))
        call.cancel()
        try await process.line("ended PingStream")
        #expect(await proxy.summaries.next()?.status == .cancelled)
        await channel.close()
      }
    }
  }

  @Test("other calls of the connections go on")
  func others() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, _ in
      let channel = try await proxy.connect()
      let other = try await channel.call(PingService.path("PingStream"))
      for number in 0..<100 {
        let cancelled = try await channel.call(PingService.path("PingStream"))
        try await cancelled.send(ByteBuffer(string: "x"))
        #expect(try await cancelled.next() == ByteBuffer(string: "0 x"))
        cancelled.cancel()
        try await other.send(ByteBuffer(string: "x"))
        #expect(try await other.next() == ByteBuffer(string: "\(number) x"))
      }
      other.halfClose()
      #expect(try await other.texts() == [])
      await channel.close()
    }
  }
}
