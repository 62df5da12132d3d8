// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("backends that reset streams", .timeLimit(.minutes(1)))
struct BackendResetTests {
  @Test(
    "a stream that the backend resets ends with the status that its code stands for",
    arguments: [
      (HTTP2ErrorCode.noError, GRPCStatus.Code.unknown), (.protocolError, .internal), (.internalError, .internal),
      (.flowControlError, .internal), (.settingsTimeout, .internal), (.streamClosed, .internal),
      (.frameSizeError, .internal), (.refusedStream, .unavailable), (.cancel, .cancelled),
      (.compressionError, .internal), (.connectError, .internal), (.enhanceYourCalm, .resourceExhausted),
      (.inadequateSecurity, .permissionDenied), (.http11Required, .internal), (.init(rawValue: 0xFF), .unknown),
    ], [true, false])
  func resets(reset: (code: HTTP2ErrorCode, status: GRPCStatus.Code), afterMessage: Bool) async throws {
    try await withProxy(to: { call, _ in
      if afterMessage {
        call.send(headers: PingService.head([:]))
        call.send(ByteBuffer(string: "first"))
        _ = try await call.message()
      }
      call.reset(reset.code)
    }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        if afterMessage { #expect(try await call.message()?.text == "first") }
        call.send(ByteBuffer(string: "x"))
        let response = try await call.response()
        #expect(response.status?.code == reset.status)
        // The client's stream has its trailers, and is not reset in its turn.
        #expect(response.hasEnded)
      }
      #expect(await proxy.summaries.next()?.status == reset.status)
    }
  }

  @Test("a stream that the backend refuses is sent again, as often as is worth it", arguments: [1, 2, 3])
  func refused(times: Int) async throws {
    let calls = Counter()
    try await withProxy(to: { call, _ in
      if calls.add() <= times { return call.reset(.refusedStream) }
      call.answer(try await call.text() ?? "")
    }) { proxy, backend async throws in
      let response = try await proxy.call(BareClient.fields(), "again")
      #expect(response.status?.code == (times < 3 ? .ok : .unavailable))
      #expect(try response.messages.map(\.text) == (times < 3 ? ["again"] : []))
      let summary = await proxy.summaries.next()
      #expect(summary?.backends == Array(repeating: "\(backend.target)", count: min(times + 1, 3)))
    }
  }
}
