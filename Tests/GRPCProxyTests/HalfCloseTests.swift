// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("sides that end one before the other", .timeLimit(.minutes(1)))
struct HalfCloseTests {
  @Test("a client that has ended still gets answers for as long as there are any")
  func clientFirst() async throws {
    let ended = Events<Void>()
    let release = Events<Void>()
    try await withProxy(to: { call, _ in
      call.send(headers: PingService.head([:]))
      while try await call.message() != nil {}
      ended.send()
      await release.next()
      for number in 0..<3 { call.send(ByteBuffer(string: "\(number)")) }
      call.end(trailers: PingService.ok(["x-last": "yes"]))
    }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        call.send(ByteBuffer(string: "x"))
        call.end()
        await ended.next()
        release.send()
        let response = try await call.response()
        #expect(try response.messages.map(\.text) == ["0", "1", "2"])
        #expect(response.sections.last?["x-last"] == "yes")
        #expect(response.status == .ok)
      }
    }
  }

  @Test("a backend that ends first ends the call, though the client has not", arguments: [true, false])
  func backendFirst(succeeds: Bool) async throws {
    let ends = Events<HTTP2ErrorCode?>()
    try await withProxy(to: { call, _ in
      _ = try await call.message()
      call.send(headers: PingService.head([:]))
      call.send(ByteBuffer(string: "enough"))
      call.end(trailers: GRPCFields.trailers(succeeds ? .ok : GRPCStatus(.aborted, "enough"), ["x-last": "yes"]))
      ends.send(await call.closed())
    }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        call.send(ByteBuffer(string: "x"))
        let response = try await call.response()
        #expect(try response.messages.map(\.text) == ["enough"])
        #expect(response.status == (succeeds ? .ok : GRPCStatus(.aborted, "enough")))
        #expect(response.sections.last?["x-last"] == "yes")
        #expect(response.hasEnded)
        // The client is asked to send no more (RFC 9113 §8.1).
        #expect(response.code == .noError)
      }
      #expect(await ends.next() != nil)
      #expect(await proxy.summaries.next()?.status == (succeeds ? .ok : .aborted))
    }
  }

  @Test("a call without a message, either way, is a call")
  func empty() async throws {
    try await withProxy(to: { call, _ in
      while try await call.message() != nil {}
      call.send(headers: PingService.head([:]))
      call.end(trailers: PingService.ok())
    }) { proxy, _ async throws in
      let response = try await proxy.exchange(BareClient.fields()) { _ in }
      #expect(response.status == .ok)
      #expect(response.data.readableBytes == 0)
    }
  }
}
