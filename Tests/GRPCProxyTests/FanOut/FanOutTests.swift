// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("calls to many backends", .timeLimit(.minutes(1)))
struct FanOutTests {
  @Test(
    "answers are merged in the order of the backends, whichever and however many there are",
    arguments: [[1, 2], [3, 2, 1], [0, 4], [3], [], [0, 1, 2, 3, 4], [2, 2]])
  func merged(chosen: [Int]) async throws {
    let all = (0..<5).map { number -> BareMethod in
      { call, _ in
        let text = try await call.text() ?? ""
        call.send(headers: PingService.head([:]))
        call.send(ByteBuffer(string: "\(number) \(text);"))
        call.send(ByteBuffer(string: "\(number) more;"))
        call.end(trailers: PingService.ok())
      }
    }
    try await withFanOut(to: all, { pools in FanOut(to: chosen.map { pools[$0] }, answers: .merged) }) {
      proxy, servers in
      let response = try await proxy.call(BareClient.fields(), "x")
      #expect(try response.messages.map(\.text) == [chosen.map { "\($0) x;\($0) more;" }.joined()])
      #expect(response.status == .ok)
      #expect(await proxy.summaries.next()?.backends.sorted() == chosen.map { "\(servers[$0].target)" }.sorted())
    }
  }

  @Test("answers interleave as they come, and the call ends when all have")
  func interleaved() async throws {
    let releases = [Events<Void>(), Events<Void>()]
    let backends = releases.indices.map { number -> BareMethod in
      { call, _ in
        call.send(headers: PingService.head(["x-early": "yes"]))
        for turn in 0..<3 {
          await releases[number].next()
          call.send(ByteBuffer(string: "\(number).\(turn)"))
        }
        call.end(trailers: PingService.ok())
      }
    }
    try await withFanOut(to: backends, { FanOut(to: $0, answers: .interleaved) }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        call.end()
        #expect(try await call.headers()["x-early"] == "yes")
        for (number, expected) in [(1, "1.0"), (1, "1.1"), (0, "0.0"), (1, "1.2"), (0, "0.1"), (0, "0.2")] {
          releases[number].send()
          #expect(try await call.message()?.text == expected)
        }
        #expect(try await call.response().status == .ok)
      }
    }
  }

  @Test("a conversation with all of them: each gets every message, and the client every answer")
  func conversation() async throws {
    let backends = (0..<3).map { number -> BareMethod in
      { call, _ in
        call.send(headers: PingService.head([:]))
        while let text = try await call.text() { call.send(ByteBuffer(string: "\(number) \(text)")) }
        call.end(trailers: PingService.ok())
      }
    }
    try await withFanOut(to: backends, { FanOut(to: $0, answers: .interleaved) }) { proxy, _ in
      let channel = try await proxy.connect()
      let call = try await channel.call("/a.B/C")
      for turn in 0..<25 {
        try await call.send(ByteBuffer(string: "\(turn)"))
        var answers: Set<String> = []
        for _ in 0..<3 { answers.insert(String(buffer: try #require(try await call.next()))) }
        #expect(answers == ["0 \(turn)", "1 \(turn)", "2 \(turn)"])
      }
      call.halfClose()
      #expect(try await call.texts() == [])
      await channel.close()
    }
  }

  @Test("answers can be rewritten, as to say whose they are", arguments: [FanOut.Answers.interleaved, .merged])
  func rewritten(answers: FanOut.Answers) async throws {
    try await withFanOut(
      to: [{ call, _ in call.answer("x") }],
      { pools in
        var fanOut = FanOut(to: pools, answers: answers)
        fanOut.rewrite = { message, backend in ByteBuffer(string: "\(backend): \(String(buffer: message))") }
        return fanOut
      }
    ) { proxy, _ async throws in
      #expect(try await proxy.call().messages.map(\.text) == ["0: x"])
    }
  }

  @Test("answers are asked for without compression, for they are framed anew")
  func compression() async throws {
    let seen = Events<HeaderFields>()
    let backend: BareMethod = { call, fields in
      seen.send(fields)
      call.send(headers: [":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip"])
      call.send(ByteBuffer(string: "?"), compressed: true)
      call.end(trailers: PingService.ok())
    }
    try await withFanOut(to: [backend], { FanOut(to: $0, answers: .merged) }) { proxy, _ async throws in
      #expect(try await proxy.call(BareClient.fields(["grpc-accept-encoding": "gzip"])).status?.code == .internal)
      #expect(await seen.next()?.values("grpc-accept-encoding") == [])
    }
  }

  @Test("gRPC's Python and ours answer one call", .enabled(if: ProxyPeer.python != nil, "\(ProxyPeer.hint)"))
  func foreign() async throws {
    try await ProxyPeer.withBackend { foreign, _ in
      try await withServer([PingService.make()]) { ours in
        let pools = try [BackendPool(BackendSet("a", [foreign])), BackendPool(BackendSet("b", [ours.backend]))]
        defer { for pool in pools { pool.retire() } }
        let proxy = try await ProxyServer.start(
          Director { _ in .toAll(of: FanOut(to: pools, answers: .merged)) })
        try await ended(proxy.stop) {
          let channel = try await proxy.connect()
          let call = try await channel.ask("Ping", "foo")
          #expect(try await call.headers["ping-header"] == "Arbitrary header text")
          #expect(try await call.texts() == ["42 foo42 foo"])
          await channel.close()
        }
      }
    }
  }
}
