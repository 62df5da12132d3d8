// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

/// When which PING is sent is tested with a clock of its own, in the tests of the connection handler.
@Suite("A client that asks whether its server is there", .timeLimit(.minutes(1)))
struct KeepaliveTests {
  private static func keepalive(
    every interval: Duration, timeout: Duration, withoutCalls: Bool = false
  ) -> GRPCChannel.ConnectionConfiguration.Keepalive {
    var keepalive = GRPCChannel.ConnectionConfiguration.Keepalive(every: interval)
    keepalive.timeout = timeout
    keepalive.withoutCalls = withoutCalls
    return keepalive
  }

  @Test("the calls to a server that does not answer end with UNAVAILABLE")
  func silent() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel {
        $0.keepalive = Self.keepalive(every: .milliseconds(50), timeout: .milliseconds(50))
      }
      // It may be that the call does not even leave in time on a machine that has much to do.
      async let status = channel.status(of: echoPath)
      let connection = try await server.greet()
      _ = try await connection.next(.ping)
      #expect(try await status == GRPCStatus(.unavailable, "the connection was lost"))
      await connection.closed()
      await channel.close()
    }
  }

  @Test("a server that answers keeps its calls")
  func answering() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel {
        $0.keepalive = Self.keepalive(every: .milliseconds(20), timeout: .seconds(30))
      }
      let (connection, call) = try await server.firstCall(of: channel)
      for _ in 0..<5 { connection.acknowledge(try await connection.next(.ping)) }
      connection.answer(1, "x")
      #expect(try await call.texts() == ["x"])
      await channel.close()
    }
  }

  @Test("where that is wished for it asks also while there are no calls")
  func withoutCalls() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel {
        $0.keepalive = Self.keepalive(every: .milliseconds(20), timeout: .seconds(30), withoutCalls: true)
      }
      let (connection, call) = try await server.firstCall(of: channel)
      connection.answer(1)
      #expect(try await call.texts() == [])
      for _ in 0..<3 { connection.acknowledge(try await connection.next(.ping)) }
      await channel.close()
    }
  }
}
