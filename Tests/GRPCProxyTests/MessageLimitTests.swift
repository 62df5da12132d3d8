// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("the longest message that a call may have", .timeLimit(.minutes(1)))
struct MessageLimitTests {
  private static let limit = 1_000
  private static let tooLong = GRPCStatus(.resourceExhausted, "message of 1001 bytes, limit 1000")

  private static let limited: @Sendable (IncomingCall, BackendPool) async throws -> CallDirection = { _, pool in
    var direction = CallDirection.to(pool)
    direction.maxMessageLength = limit
    return direction
  }

  @Test("messages of exactly the limit pass both ways, any number of them")
  func exactly() async throws {
    let message = ByteBuffer(repeating: 1, count: Self.limit)
    try await withProxy(to: [PingService.make()], directing: Self.limited) { proxy, _ async throws in
      let response = try await proxy.exchange(BareClient.fields(PingService.path("Echo"))) { call in
        for _ in 0..<5 { call.send(message) }
      }
      #expect(try response.messages.map(\.payload) == Array(repeating: message, count: 5))
      #expect(response.status == .ok)
    }
  }

  @Test("a request over it ends the call by its length alone, and the backend's stream is reset")
  func request() async throws {
    let ends = Events<HTTP2ErrorCode?>()
    let backend: BareMethod = { call, _ in
      call.send(headers: PingService.head([:]))
      ends.send(await call.closed())
    }
    try await withProxy(to: backend, directing: Self.limited) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        _ = try await call.headers()
        call.send(ByteBuffer(repeating: 1, count: Self.limit))
        // The first bytes of its prefix come with the message before, and nothing of what it announces.
        call.send(bytes: ByteBuffer(bytes: [0, 0]))
        call.send(bytes: ByteBuffer(bytes: [0, 3, 0xE9]))
        #expect(try await call.response().status == Self.tooLong)
      }
      #expect(await ends.next() == .cancel)
      #expect(await proxy.summaries.next()?.status == .resourceExhausted)
    }
  }

  @Test("an answer over it ends the call behind those before it, and the backend's stream is reset")
  func answer() async throws {
    let ends = Events<HTTP2ErrorCode?>()
    let backend: BareMethod = { call, _ in
      call.send(headers: PingService.head([:]))
      call.send(ByteBuffer(repeating: 1, count: Self.limit))
      // Lets the proxy pass that on before the other comes.
      _ = try await call.message()
      call.send(ByteBuffer(repeating: 2, count: Self.limit + 1))
      ends.send(await call.closed())
    }
    try await withProxy(to: backend, directing: Self.limited) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        #expect(try await call.message()?.payload == ByteBuffer(repeating: 1, count: Self.limit))
        call.send(ByteBuffer())
        let response = try await call.response()
        #expect(response.status == Self.tooLong)
        #expect(response.data.readableBytes == 0)
      }
      #expect(await ends.next() == .cancel)
    }
  }
}
