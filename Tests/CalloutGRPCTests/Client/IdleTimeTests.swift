// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

@Suite("A client's connection that has no calls", .timeLimit(.minutes(1)))
struct IdleTimeTests {
  @Test("it is closed at the idle time, and the next call connects anew")
  func closes() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.idleTime = .milliseconds(50) }
      for number in 0..<3 {
        async let answer = channel.ask(echoPath, "\(number)")
        let connection = try await server.greet()
        connection.answer(try await connection.wholeRequest().stream, "\(number)")
        #expect(try await answer == "\(number)")
        connection.acknowledge(try await connection.next(.ping))
        _ = try await connection.next(.goAway)
        await connection.closed()
      }
      await channel.close()
    }
  }

  @Test("a call that comes while it closes is not lost on it")
  func crossing() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.idleTime = .milliseconds(50) }
      let (first, call) = try await server.firstCall(of: channel)
      first.answer(1)
      #expect(try await call.texts() == [])
      // The server does not answer, so the connection is still open.
      _ = try await first.next(.ping)
      async let answer = channel.ask()
      let second = try await server.greet()
      second.answer(try await second.wholeRequest().stream, "x")
      #expect(try await answer == "x")
      await channel.close()
    }
  }
}
