// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("A server that goes away", .timeLimit(.minutes(1)))
struct GoAwayTests {
  @Test("calls up to the last one that it took end as always, and later ones are made again elsewhere")
  func callsUnderWay() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (first, taken) = try await server.firstCall(of: channel)
      async let crossing = channel.ask(echoPath, "crossing")
      #expect(try await first.wholeRequest().stream == 3)
      // From here on the server did not see what the client had sent already.
      first.send(RawConnection.goAway(lastStream: 1))

      let second = try await server.greet()
      let again = try await second.wholeRequest()
      #expect(again.stream == 1)
      #expect(again.body == Array(buffer: ByteBuffer(framing: "crossing")))
      second.answer(1, "made again")
      #expect(try await crossing == "made again")

      first.answer(1, "taken")
      #expect(try await taken.texts() == ["taken"])
      #expect(await taken.ending.status == .ok)
      await first.closed()
      await channel.close()
    }
  }

  @Test("in two steps it loses no call, and what is new goes elsewhere from the first step on")
  func twoSteps() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (first, taken) = try await server.firstCall(of: channel)
      first.send(RawConnection.goAway(lastStream: 0x7FFF_FFFF))
      _ = try await first.framesSoFar()

      async let new = channel.ask(echoPath, "new")
      let second = try await server.greet()
      second.answer(try await second.wholeRequest().stream, "new")
      #expect(try await new == "new")

      first.send(RawConnection.goAway(lastStream: 1))
      #expect(try await first.framesSoFar().allSatisfy { $0.kind != .headers })
      first.answer(1, "taken")
      #expect(try await taken.texts() == ["taken"])
      await first.closed()
      await channel.close()
    }
  }

  @Test("calls that wait for their turn are made elsewhere, without waiting for those under way")
  func waitingCalls() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.maxConnections = 1 }
      let (first, taken) = try await server.firstCall(of: channel, settings: [3: 1])
      let waiting = try await channel.call(echoPath)
      try await waiting.send(ByteBuffer(string: "waiting"))
      waiting.halfClose()
      _ = try await first.framesSoFar()
      first.send(RawConnection.goAway(lastStream: 0x7FFF_FFFF))

      let second = try await server.greet()
      let again = try await second.wholeRequest()
      #expect(again.body == Array(buffer: ByteBuffer(framing: "waiting")))
      second.answer(again.stream, "made elsewhere")
      #expect(try await waiting.texts() == ["made elsewhere"])

      first.answer(1)
      #expect(try await taken.texts() == [])
      await first.closed()
      await channel.close()
    }
  }

  @Test("going away before any call is an attempt that failed, and the next one counts")
  func atOnce() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      async let refused = channel.failure()
      try await server.accept().send(RawConnection.settings(), RawConnection.goAway(lastStream: 0, .internalError))
      let failure = await refused
      #expect(failure?.code == .unavailable)
      #expect(failure?.message.contains("the server ends the connection (INTERNAL_ERROR)") == true)

      async let answer = channel.ask()
      let second = try await server.greet()
      second.answer(try await second.wholeRequest().stream, "x")
      #expect(try await answer == "x")
      await channel.close()
    }
  }

  @Test("closing the channel ends the calls that are still on the connection")
  func closedChannel() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      let (first, taken) = try await server.firstCall(of: channel)
      first.send(RawConnection.goAway(lastStream: 1))
      _ = try await first.framesSoFar()
      await channel.close()
      #expect(await taken.ending.status.code == .unavailable)
      await first.closed()
    }
  }

  @Test("a server that is replaced by another one under load loses no call")
  func restart() async throws {
    try await SocketPath.with { path in
      let address = try path.address
      try await TestServer.run(at: address) { old in
        let channel = try await GRPCChannel.connect(to: address)
        let call = try await channel.call(echoPath)
        try await withThrowingTaskGroup(of: Void.self) { load in
          for caller in 0..<10 {
            load.addTask {
              for number in 0..<100 {
                let answer = try await channel.ask(echoPath, "\(caller) \(number)")
                #expect(answer == "\(caller) \(number)")
              }
            }
          }
          try await TestServer.run(at: address) { _ in
            async let drained: Void = old.server.drain()
            try await load.waitForAll()
            #expect(try await channel.ask() == "x")
            try await call.send(ByteBuffer(string: "still there"))
            #expect(try await call.text() == "still there")
            call.halfClose()
            #expect(try await call.text() == nil)
            await drained
          }
        }
        await channel.close()
      }
    }
  }
}

extension FrameServer {
  /// Opens a call and has it arrive on a first connection, as stream 1.
  func firstCall(
    of channel: GRPCChannel, settings: [UInt8: UInt32] = [:]
  ) async throws -> (connection: FrameConnection, call: GRPCCall) {
    async let call = channel.call(echoPath)
    let connection = try await greet(settings)
    _ = try await connection.request()
    return (connection, try await call)
  }
}
