// SPDX-License-Identifier: Apache-2.0
import CNghttp2
import NIOCore
import Testing

@testable import CalloutGRPC
@testable import CalloutTransport

@Suite("A connection whose stream ids are used up", .timeLimit(.minutes(1)))
struct StreamIDTests {
  @Test("the next calls get another one, and those that it has end as always before it closes")
  func usedUp() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (first, early) = try await server.firstCall(of: channel)
      try await channel.leaveOneStreamID()
      let last = try await channel.call(echoPath)
      #expect(try await first.request() == Self.lastID)

      async let next = channel.ask(echoPath, "next")
      let second = try await server.greet()
      let request = try await second.wholeRequest()
      #expect(request.stream == 1)
      #expect(request.body == Array(buffer: ByteBuffer(framing: "next")))
      second.answer(1, "next")
      #expect(try await next == "next")
      async let another = channel.ask()
      #expect(try await second.wholeRequest().stream == 3)
      second.answer(3, "another")
      #expect(try await another == "another")

      first.acknowledge(try await first.next(.ping))
      first.answer(1, "early")
      first.answer(Self.lastID, "last")
      #expect(try await early.texts() == ["early"])
      #expect(try await last.texts() == ["last"])
      await first.closed()
      await channel.close()
    }
  }

  /// The greatest that a client may use: ids have 31 bits, and those of clients are odd (RFC 9113 §5.1.1).
  fileprivate static let lastID: UInt32 = 0x7FFF_FFFF
}

extension GRPCChannel {
  /// Has the connection that the next call would get use the last stream id for it.
  fileprivate func leaveOneStreamID() async throws {
    let pool = pool
    try await pool.eventLoop.submit {
      var session: HTTP2Session?
      pool.value.connection { session = (try? $0.get())?.handler?.session }
      let pointer = try #require(session).pointer
      try #require(nghttp2_session_set_next_stream_id(pointer, Int32(StreamIDTests.lastID)) == 0)
    }.get()
  }
}
