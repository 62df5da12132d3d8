// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("Calls that end while there is no connection for them", .timeLimit(.minutes(1)))
struct ChannelEndsTests {
  @Test("a deadline counts while the client connects")
  func deadlineWhileConnecting() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.connectTimeout = .seconds(3_600) }
      async let answer = channel.ask(echoPath, "patient")
      let connection = try await server.accept()
      let call = try await channel.call(echoPath, timeout: .milliseconds(50))
      #expect(await call.ending.status.code == .deadlineExceeded)
      await #expect(throws: GRPCStatus.self) { try await call.send(ByteBuffer(string: "x")) }

      // When the connection comes, the call that has ended does not appear on it.
      connection.send(RawConnection.settings())
      let request = try await connection.wholeRequest()
      #expect(request.body == Array(buffer: ByteBuffer(framing: "patient")))
      connection.answer(request.stream, "x")
      #expect(try await answer == "x")
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test("a deadline counts while a call waits for its turn")
  func deadlineWhileWaiting() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 1 }
      let (connection, first) = try await server.firstCall(of: channel, settings: [3: 1])
      let waiting = try await channel.call(echoPath, timeout: .milliseconds(50))
      #expect(await waiting.ending.status.code == .deadlineExceeded)
      connection.answer(1)
      #expect(try await first.texts() == [])
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }

  @Test("closing the channel ends the calls that wait for a connection, and lets none be made")
  func closeWhileConnecting() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.connectTimeout = .seconds(3_600) }
      async let waiting = channel.failure()
      let connection = try await server.accept()
      await channel.close()
      #expect(await waiting == GRPCStatus(.unavailable, "the connection is closed"))
      #expect(await channel.failure() == GRPCStatus(.unavailable, "the connection is closed"))
      // What it was connecting to is of no use any more.
      connection.send(RawConnection.settings())
      await connection.closed()
    }
  }

  @Test("closing the channel ends calls on all its connections, and those that wait for their turn")
  func closeWithCalls() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 2 }
      let (first, call) = try await server.firstCall(of: channel, settings: [3: 1])
      let (second, other) = try await server.firstCall(of: channel, settings: [3: 1])
      let waiting = try await channel.call(echoPath)
      await channel.close()
      for call in [call, other, waiting] { #expect(await call.ending.status.code == .unavailable) }
      await first.closed()
      await second.closed()
    }
  }

  @Test("a server can be reached by a Unix-domain socket, and is called localhost")
  func unixSocket() async throws {
    let authority = GRPCMethod("Authority") { call in
      call.send { $0.writeString(call.headers[":authority"] ?? "none") }
      call.finish(.ok, trailers: [:])
      return IdleHandler()
    }
    try await SocketPath.with { path in
      try await TestServer.run([authority], at: path.address) { _ in
        let channel = try await GRPCChannel.connect(to: #require(GRPCTarget("unix:\(path.path)")))
        #expect(try await channel.ask("/test.Service/Authority") == "localhost")
        await channel.close()
      }
    }
  }
}
