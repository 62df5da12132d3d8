// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Synchronization
import Testing

@Suite("More calls than a server takes at once on a connection", .timeLimit(.minutes(1)))
struct ConcurrentStreamsTests {
  /// SETTINGS_MAX_CONCURRENT_STREAMS.
  private static let setting: UInt8 = 3

  @Test("they get further connections up to the most there may be, and then wait, and all are answered")
  func manyCalls() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 2 }
      try await withThrowingTaskGroup(of: String?.self) { calls in
        for _ in 0..<7 { calls.addTask { try await channel.ask() } }
        let connections = [try await server.greet([Self.setting: 2]), try await server.greet([Self.setting: 2])]
        for connection in connections {
          #expect([try await connection.request(), try await connection.request()] == [1, 3])
        }
        for connection in connections {
          let waiting = try await connection.framesSoFar()
          #expect(waiting.allSatisfy { $0.kind != .headers })
        }
        for connection in connections { for stream in [1, 3] as [UInt32] { connection.answer(stream, "x") } }
        try await withThrowingTaskGroup(of: Void.self) { others in
          for connection in connections {
            others.addTask { while true { connection.answer(try await connection.request(), "x") } }
          }
          for _ in 0..<7 {
            let answer = try await calls.next()
            #expect(answer == "x")
          }
          others.cancelAll()
        }
      }
      await channel.close()
    }
  }

  @Test(
    "calls wait where they can when there is to be no further connection", arguments: [Duration.zero, .seconds(3_600)])
  func noFurtherConnection(backoff: Duration) async throws {
    try await FrameServer.run { server in
      let attempts = Mutex(0)
      let address = server.address
      let resolver = NameResolver { _, _ in
        guard
          attempts.withLock({
            $0 += 1; return $0
          }) == 1
        else { throw CancellationError() }
        return [address]
      }
      let channel = try await server.channel(resolver: resolver) {
        $0.initialBackoff = backoff
        $0.maxBackoff = backoff
      }
      async let first = channel.ask()
      let connection = try await server.greet([Self.setting: 1])
      #expect(try await connection.request() == 1)
      let second = try await channel.call(echoPath)
      let third = try await channel.call(echoPath)
      connection.answer(1, "first")
      #expect(try await first == "first")
      for (call, stream) in [(second, 3), (third, 5)] as [(GRPCCall, UInt32)] {
        #expect(try await connection.request() == stream)
        connection.answer(stream, "\(stream)")
        #expect(try await call.texts() == ["\(stream)"])
      }
      #expect(attempts.withLock { $0 } > 1)
      await channel.close()
    }
  }

  @Test("a server that takes no call at all until it says so keeps them waiting")
  func noneAtFirst() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 1 }
      async let answer = channel.ask()
      let connection = try await server.greet([Self.setting: 0])
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      connection.send(RawConnection.settings([Self.setting: 1]))
      connection.answer(try await connection.request(), "x")
      #expect(try await answer == "x")
      await channel.close()
    }
  }

  @Test("a call that is given up while it waits takes no place")
  func givenUp() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 1 }
      let (connection, first) = try await server.firstCall(of: channel, settings: [Self.setting: 1])
      let waiting = try await channel.call(echoPath)
      waiting.cancel()
      #expect(await waiting.ending.status.code == .cancelled)
      let last = try await channel.call(echoPath)
      connection.answer(1)
      #expect(try await first.texts() == [])
      connection.answer(try await connection.request())
      #expect(try await last.texts() == [])
      #expect(try await connection.framesSoFar().allSatisfy { $0.kind != .headers })
      await channel.close()
    }
  }
}
