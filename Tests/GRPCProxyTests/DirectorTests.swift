// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("a director, and calls that it is asked about", .timeLimit(.minutes(1)))
struct DirectorTests {
  private struct SomeError: Error {}

  @Test(
    "an error of the director ends the call, and no backend sees it",
    arguments: [
      (GRPCStatus(.unauthenticated, "who are you?"), GRPCStatus(.unauthenticated, "who are you?")),
      (SomeError(), GRPCStatus(.unknown, "the handler failed")),
    ] as [(any Error & Sendable, GRPCStatus)])
  func refusal(error: any Error & Sendable, expected: GRPCStatus) async throws {
    let calls = Counter()
    try await withProxy(
      to: { call, _ in
        calls.add()
        call.answer("")
      }, directing: { _, _ in throw error }
    ) { proxy, _ async throws in
      let response = try await proxy.call()
      #expect(response.status == expected)
      #expect(response.sections.count == 1)
      let summary = await proxy.summaries.next()
      #expect(summary?.status == expected.code)
      #expect(summary?.backends == [])
    }
    #expect(calls.value == 0)
  }

  @Test("a director is told what the call is")
  func call() async throws {
    let calls = Events<IncomingCall>()
    try await withProxy(
      to: { call, _ in call.answer("") },
      directing: { call, pool in
        calls.send(call)
        return .to(pool)
      }
    ) { proxy, _ async throws in
      _ = try await proxy.call(BareClient.fields("/a.b.Service/Method", ["x-a": "1", "grpc-timeout": "20S"]))
      let call = try #require(await calls.next())
      #expect(call.fullMethod == "/a.b.Service/Method")
      #expect(call.service == "a.b.Service")
      #expect(call.method == "Method")
      #expect(call.authority == "client.test")
      #expect(call.metadata == ["x-a": "1"])
      #expect(call.timeout == .seconds(20))
      #expect(call.peerIPAddress == "127.0.0.1")
      let summary = try #require(await proxy.summaries.next())
      #expect(call.peer == summary.peer)
      #expect(summary.peer?.contains("127.0.0.1") == true)
    }
  }

  @Test("what the client sends while the director waits goes on in order")
  func slowDirector() async throws {
    let begun = Events<Void>()
    let release = Events<Void>()
    try await withProxy(
      to: [PingService.make()],
      directing: { _, pool in
        begun.send()
        await release.next()
        return .to(pool)
      }
    ) { proxy, _ async throws in
      let channel = try await proxy.connect()
      let call = try await channel.call(PingService.path("PingStream"))
      for number in 0..<5 { try await call.send(ByteBuffer(string: "early \(number)")) }
      call.halfClose()
      await begun.next()
      release.send()
      #expect(try await call.texts() == (0..<5).map { "\($0) early \($0)" })
      #expect(await call.ending.status == .ok)
      await channel.close()
    }
  }

  @Test(
    "a client that goes, or a deadline that passes, cancels the director, and its backends are released",
    arguments: [true, false])
  func cancelledDirector(clientGoes: Bool) async throws {
    let begun = Events<Void>()
    let cancelled = Events<Void>()
    let released = Events<Void>()
    let calls = Counter()
    try await withProxy(
      to: { _, _ in calls.add() },
      directing: { _, pool in
        begun.send()
        try? await Task.sleep(for: .seconds(3_600))
        cancelled.send()
        var direction = CallDirection.to(pool)
        direction.release = { released.send() }
        return direction
      }
    ) { proxy, _ async throws in
      let client = try await BareClient(to: proxy.server)
      let call = try await client.open(BareClient.fields(clientGoes ? [:] : ["grpc-timeout": "200m"]))
      await begun.next()
      if clientGoes {
        call.reset(.cancel)
      } else {
        #expect(try await call.response().status?.code == .deadlineExceeded)
      }
      await cancelled.next()
      await released.next()
      let summary = await proxy.summaries.next()
      #expect(summary?.status == (clientGoes ? .cancelled : .deadlineExceeded))
      #expect(summary?.backends == [])
      await client.close()
    }
    #expect(calls.value == 0)
  }
}
