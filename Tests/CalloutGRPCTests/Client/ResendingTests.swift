// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("Calls that the server did not look at", .timeLimit(.minutes(1)))
struct ResendingTests {
  @Test("a refused stream is tried again, whole, and the third refusal is believed", arguments: [1, 2, 3])
  func refused(times: Int) async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      async let outcome = Result.of { try await channel.ask(echoPath, "question") }
      let connection = try await server.greet()
      for _ in 0..<times {
        let request = try await connection.wholeRequest()
        #expect(request.body == Array(buffer: ByteBuffer(framing: "question")))
        connection.send(RawConnection.reset(request.stream, .refusedStream))
      }
      if times < 3 { connection.answer(try await connection.wholeRequest().stream, "answer") }
      switch await outcome {
      case .success(let answer): #expect(times < 3 && answer == "answer")
      case .failure(let error):
        #expect(times == 3)
        #expect((error as? GRPCStatus)?.code == .unavailable)
      }
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test(
    "no other reset is tried again", arguments: [HTTP2ErrorCode.cancel, .internalError, .enhanceYourCalm, .noError])
  func otherResets(code: HTTP2ErrorCode) async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      async let status = channel.status(of: echoPath)
      let connection = try await server.greet()
      connection.send(RawConnection.reset(try await connection.wholeRequest().stream, code))
      #expect(try await status.code != .ok)
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test("a stream that is refused after its answer began is not tried again")
  func refusedLate() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (connection, call) = try await server.firstCall(of: channel)
      connection.send(
        RawConnection.headers(1, [":status": "200"]), RawConnection.reset(1, .refusedStream))
      #expect(await call.ending.status.code == .unavailable)
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test("when a connection dies, what has not left is made again, and what has left is not")
  func lostConnection() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 1 }
      // One call at a time: the second one waits for its turn.
      let (first, left) = try await server.firstCall(of: channel, settings: [3: 1])
      let waiting = try await channel.call(echoPath)
      try await waiting.send(ByteBuffer(string: "one"))
      try await waiting.send(ByteBuffer(string: "two"))
      waiting.halfClose()
      #expect(try await first.framesSoFar().allSatisfy { $0.kind != .headers })
      await first.close()
      let lost = await left.ending.status
      #expect(lost == GRPCStatus(.unavailable, "the connection was lost"))

      let second = try await server.greet()
      let request = try await second.wholeRequest()
      #expect(request.body == Array(buffer: ByteBuffer(framing: "one", "two")))
      second.answer(request.stream, "answer")
      #expect(try await waiting.texts() == ["answer"])
      #expect(try await second.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test("64 KiB are kept to be sent again, and one byte more is not", arguments: [65_536, 65_537])
  func largeRequest(length: Int) async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (connection, call) = try await server.firstCall(of: channel, settings: [4: 1_000_000])
      connection.send(RawConnection.windowUpdate(0, by: 1_000_000))
      // A message in two parts, so that the limit is about all that was written.
      let lengths = [40_000, length - 40_000].map { $0 - ByteBuffer.grpcPrefixLength }
      for length in lengths { try await call.send(ByteBuffer(repeating: 7, count: length)) }
      call.halfClose()
      var received = 0
      while true {
        let frame = try await connection.next(.data)
        received += frame.payload.count
        if frame.endsStream { break }
      }
      #expect(received == length)
      connection.send(RawConnection.reset(1, .refusedStream))
      if length > 65_536 {
        #expect(await call.ending.status.code == .unavailable)
        #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      } else {
        let again = try await connection.wholeRequest()
        #expect(again.stream == 3)
        #expect(again.body == Array(buffer: ByteBuffer(framing: lengths.map { String(repeating: "\u{7}", count: $0) })))
        connection.answer(3)
        #expect(try await call.texts() == [])
      }
      await channel.close()
    }
  }

  @Test("what is written before there is a connection is kept, however much it is")
  func writtenEarly() async throws {
    try await TestServer.run { server in
      let channel = try await GRPCChannel(GRPCTarget(server.address), GRPCChannel.Configuration())
      let text = String(repeating: "0123456789", count: 300_000)
      #expect(try await channel.ask(echoPath, text) == text)
      await channel.close()
    }
  }

  @Test("a server that ends a call before the client has ends it, with a reset or without", arguments: [true, false])
  func earlyEnd(withReset: Bool) async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (connection, call) = try await server.firstCall(of: channel)
      connection.answer(1, "enough")
      if withReset { connection.send(RawConnection.reset(1, .noError)) }
      #expect(try await call.texts() == ["enough"])
      #expect(await call.ending.status == .ok)
      if !withReset { #expect(try await connection.next(.reset).stream == 1) }
      await channel.close()
    }
  }

  @Test("a server that answers without looking at the request has answered")
  func eagerServer() async throws {
    let eager = GRPCMethod("Check") { call in
      call.send { $0.writeBytes([8, 1]) }
      call.finish(.ok, trailers: [:])
      return IdleHandler()
    }
    try await TestServer.run(services: [GRPCService("grpc.health.v1.Health", methods: [eager])]) { server in
      let channel = try await server.connect()
      for _ in 0..<100 { #expect(try await channel.checkHealth() == .serving) }
      await channel.close()
    }
  }
}

extension Result where Failure == any Error {
  /// What an operation returns or throws.
  fileprivate static func of(_ operation: () async throws -> Success) async -> Result {
    do { return .success(try await operation()) } catch { return .failure(error) }
  }
}
