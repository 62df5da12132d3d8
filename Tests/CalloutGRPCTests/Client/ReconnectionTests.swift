// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Synchronization
import Testing

@Suite("A client's connection that is lost, or cannot be made", .timeLimit(.minutes(1)))
struct ReconnectionTests {
  @Test("what the server has closed is made again for the next call")
  func closedByServer() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      for text in ["first", "second", "third"] {
        async let answer = channel.ask(text)
        let connection = try await server.greet()
        connection.answer(try await connection.wholeRequest().stream, text)
        #expect(try await answer == text)
        await connection.hangUp()
      }
      await channel.close()
    }
  }

  @Test("calls under way end with UNAVAILABLE, and the next ones connect again")
  func lostWithCalls() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      async let lost = channel.status(of: echoPath)
      let first = try await server.greet()
      _ = try await first.wholeRequest()
      await first.close()
      #expect(await (try lost).code == .unavailable)

      async let answer = channel.ask()
      let second = try await server.greet()
      second.answer(try await second.wholeRequest().stream, "x")
      #expect(try await answer == "x")
      await channel.close()
    }
  }

  @Test("after an attempt that failed, calls fail at once and with its reason, and nobody is asked again")
  func duringBackoff() async throws {
    try await FrameServer.run { server in
      let attempts = Mutex(0)
      let resolver = NameResolver { _, _ in
        attempts.withLock { $0 += 1 }
        throw Failure(number: attempts.withLock { $0 })
      }
      let channel = try await server.channel(resolver: resolver) {
        $0.initialBackoff = .seconds(3_600)
        $0.maxBackoff = .seconds(3_600)
      }
      for _ in 0..<10 {
        let failure = await #expect(throws: GRPCStatus.self) { try await channel.ask() }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message == "cannot connect to test.invalid:1: failure 1")
      }
      #expect(attempts.withLock { $0 } == 1)
      await channel.close()
    }
  }

  @Test("after the pause it connects again")
  func afterBackoff() async throws {
    try await TestServer.run { server in
      let attempts = Mutex(0)
      let address = server.address
      let resolver = NameResolver { _, _ in
        guard
          attempts.withLock({
            $0 += 1; return $0
          }) > 1
        else { throw Failure(number: 1) }
        return [address]
      }
      var configuration = GRPCChannel.Configuration()
      configuration.connection.initialBackoff = .milliseconds(200)
      let channel = try await GRPCChannel(
        GRPCTarget(.host("test.invalid", port: 1)), configuration, resolver: resolver)
      let began = ContinuousClock.now
      var failures = 0
      while (try? await channel.ask()) == nil { failures += 1 }
      #expect(failures > 0)
      // The pause is a fifth shorter at most.
      #expect(ContinuousClock.now - began >= .milliseconds(160))
      #expect(attempts.withLock { $0 } == 2)
      await channel.close()
    }
  }

  @Test("all calls that wait for one attempt get its reason")
  func sharedFailure() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel()
      async let first = channel.failure()
      async let second = channel.failure()
      await (try server.accept()).hangUp()
      for failure in [await first, await second] {
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.hasSuffix("the server closed the connection before its HTTP/2 settings came") == true)
      }
      await channel.close()
    }
  }

  @Test("a server that says nothing has its time, and no more")
  func silentServer() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.connectTimeout = .milliseconds(100) }
      let failure = await channel.failure()
      #expect(failure?.code == .unavailable)
      #expect(failure?.message.contains("no connection within") == true)
      await (try server.accept()).closed()
      await channel.close()
    }
  }

  @Test("a server that speaks something else is told apart from one that hangs up")
  func otherProtocol() async throws {
    try await FrameServer.run { server in
      let channel = try await server.channel { $0.connectTimeout = .seconds(3_600) }
      async let ended = channel.failure()
      try await server.accept().send(Array("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".utf8))
      let failure = await ended
      #expect(failure?.code == .unavailable)
      #expect(failure?.message.contains("the server breaks HTTP/2's rules") == true)
      await channel.close()
    }
  }
}

private struct Failure: Error, CustomStringConvertible {
  var number: Int
  var description: String { "failure \(number)" }
}

extension GRPCChannel {
  /// Makes a call with one message, and returns why it could not be opened.
  func failure() async -> GRPCStatus? {
    do {
      _ = try await ask()
      return nil
    } catch {
      return error as? GRPCStatus
    }
  }
}
