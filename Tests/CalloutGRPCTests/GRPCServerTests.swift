// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("the end of a server", .timeLimit(.minutes(1)))
struct GRPCServerTests {
  @Test("while it drains, running calls finish and new ones are refused")
  func drain() async throws {
    try await TestServer.run { server in
      let channel = try await server.connect()
      let idle = try await server.connect()
      #expect(try await idle.ask() == "x")
      let call = try await channel.call(echoPath)
      try await call.send(ByteBuffer(string: "before"))
      #expect(try await call.text() == "before")

      let drained = Events<Void>()
      let draining = Task {
        await server.server.drain()
        drained.send()
      }
      // Calls that cross the announcement on their way are still served.
      var refusal: GRPCStatus?
      while refusal == nil {
        do {
          #expect(try await channel.ask() == "x")
        } catch {
          refusal = error as? GRPCStatus
        }
      }
      #expect(refusal?.code == .unavailable)

      try await call.send(ByteBuffer(string: "after"))
      #expect(try await call.text() == "after")
      call.halfClose()
      #expect(try await call.texts() == [])
      #expect(await call.ending.status == .ok)
      await drained.next()
      await draining.value
    }
  }

  @Test("a connection that comes while the server drains is told to go at once")
  func connectWhileDraining() async throws {
    try await TestServer.run { server in
      let holding = try await server.connect().call(echoPath)
      try await holding.send(ByteBuffer(string: "x"))
      #expect(try await holding.text() == "x")
      let draining = Task { await server.server.drain() }
      // Only a connection made after the drain began is refused everything, so until that is so, try again.
      var status: GRPCStatus = .ok
      while status == .ok { status = try await lateStatus(server) }
      #expect(status.code == .unavailable)
      holding.halfClose()
      #expect(await holding.ending.status == .ok)
      await draining.value
    }
  }

  /// How a call fares on a connection made just now, once its server has had its say.
  private func lateStatus(_ server: TestServer) async throws -> GRPCStatus {
    do {
      let channel = try await server.connect()
      for _ in 0..<10 { _ = try await channel.ask() }
      await channel.close()
      return .ok
    } catch {
      return error as? GRPCStatus ?? GRPCStatus(.unknown, "\(error)")
    }
  }

  @Test("a server without connections is drained at once")
  func drainIdle() async throws {
    try await TestServer.run { server in
      await server.server.drain()
      await server.server.drain()
    }
  }

  @Test("calls that outlast the grace period are finished by their handlers with UNAVAILABLE, and cancelled")
  func finishCalls() async throws {
    let events = Events<String>()
    try await TestServer.run([.sleeping(events), .echo]) { server in
      let channel = try await server.connect()
      let sleeping = try await channel.call("/test.Service/Sleep")
      #expect(await events.next() == "started")
      let waiting = try await channel.call(echoPath)
      try await waiting.send(ByteBuffer(string: "x"))
      #expect(try await waiting.text() == "x")
      let draining = Task { await server.server.drain() }
      server.server.finishCalls()
      #expect(await sleeping.ending.status.code == .unavailable)
      #expect(await waiting.ending.status.code == .unavailable)
      #expect(await events.next() == "cancelled")
      await draining.value
    }
  }

  @Test("connections closed by force end the drain")
  func closeConnections() async throws {
    let events = Events<String>()
    try await TestServer.run([.sleeping(events)]) { server in
      let call = try await server.connect().call("/test.Service/Sleep")
      #expect(await events.next() == "started")
      let draining = Task { await server.server.drain() }
      server.server.closeConnections()
      await draining.value
      #expect(await call.ending.status.code == .unavailable)
      #expect(await events.next() == "cancelled")
    }
  }

  @Test("calls and their resets are no news for the log")
  func quiet() async throws {
    try await TestServer.run { server in
      let channel = try await server.connect()
      for _ in 0..<20 {
        let call = try await channel.call(echoPath)
        try await call.send(ByteBuffer(string: "x"))
        #expect(try await call.text() == "x")
        call.cancel()
      }
      #expect(try await channel.ask() == "x")
      #expect(server.log.lines.isEmpty)
    }
  }
}
