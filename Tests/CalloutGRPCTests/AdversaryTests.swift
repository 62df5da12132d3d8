// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Foundation
import NIOCore
import Testing

/// What bad clients do, while a good one on another connection is answered all the time.
@Suite("adversaries", .timeLimit(.minutes(2)))
struct AdversaryTests {
  @Test(
    "a preface that is not HTTP/2's is closed",
    arguments: ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}", "\0\0\0\0\0\0\0\0\0"])
  func brokenPreface(text: String) async throws {
    try await run { server in
      let connection = try await RawConnection(to: server.address)
      connection.send(Array(text.utf8))
      _ = try await connection.closed()
      #expect(server.log.lines.count == 1)
    }
  }

  @Test("a frame over the size that we allow gets GOAWAY FRAME_SIZE_ERROR")
  func oversizedFrame() async throws {
    try await run { server in
      let connection = try await RawConnection(to: server.address)
      connection.send(RawConnection.greeting + RawConnection.request(1, echoPath))
      // The frame's header alone: what it announces need not come.
      connection.send([0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1])
      #expect(RawConnection.goAwayCode(in: try await connection.closed()) == HTTP2ErrorCode.frameSizeError.rawValue)
    }
  }

  @Test("a header list over the limit resets its stream with ENHANCE_YOUR_CALM, and the connection goes on")
  func headerList() async throws {
    try await run { server in
      let client = try await server.connectRaw()
      let fields = RawClient.fields(echoPath, ["x-large": String(repeating: "x", count: 33_000)])
      let response = try await client.request(fields, ByteBuffer(framing: "x"))
      #expect(response.code == .enhanceYourCalm)
      #expect(response.sections.isEmpty)
      #expect(try await client.request(RawClient.fields(), ByteBuffer(framing: "x")).status == .ok)
    }
  }

  @Test("a message over the limit is refused by its length, however many come at once")
  func messageOverLimit() async throws {
    try await run { server in
      let client = try await server.connectRaw()
      for _ in 0..<100 {
        let response = try await client.request(
          RawClient.fields(), ByteBuffer(bytes: [0, 0x7F, 0xFF, 0xFF, 0xFF]), endStream: false)
        #expect(response.status?.code == .resourceExhausted)
      }
    }
  }

  @Test("broken requests of every kind are answered, again and again, on one connection")
  func brokenRequests() async throws {
    try await run { server in
      let client = try await server.connectRaw()
      for _ in 0..<50 {
        let truncated = try await client.request(RawClient.fields(), ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        #expect(truncated.status?.code == .internal)
        let unknown = try await client.request(RawClient.fields("/no.Such/Method"))
        #expect(unknown.status?.code == .unimplemented)
        let get = try await client.request([":method": "GET", ":scheme": "http", ":path": "/", ":authority": "x"])
        #expect(get.value(":status") == "405")
        let wrongType = try await client.request([
          ":method": "POST", ":scheme": "http", ":path": echoPath, ":authority": "x", "content-type": "text/plain",
        ])
        #expect(wrongType.value(":status") == "415")
      }
    }
  }

  @Test("half a preface, or half a frame of SETTINGS, and silence is closed at the timeout", arguments: [10, 30])
  func silence(bytes: Int) async throws {
    var configuration = GRPCServer.Configuration()
    configuration.limits.prefaceTimeout = .seconds(5)
    try await run(configuration: configuration) { server in
      let connection = try await RawConnection(to: server.address)
      connection.send(Array(RawConnection.greeting.prefix(bytes)))
      _ = try await connection.closed()
      #expect(server.log.lines.count == 1)
    }
  }

  @Test("100,000 streams opened and reset unanswered end their connection with ENHANCE_YOUR_CALM")
  func rapidReset() async throws {
    let started = Counter()
    let slow = GRPCMethod("Slow") { (requests, _, _) in
      started.increment()
      for try await _ in requests {}
    }
    try await run([slow, .echo]) { server in
      let connection = try await RawConnection(to: server.address)
      connection.send(RawConnection.greeting)
      var id: UInt32 = 1
      var isSending = true
      while isSending, id < 200_000 {
        var chunk: [UInt8] = []
        for _ in 0..<100 {
          chunk += RawConnection.request(id, "/test.Service/Slow") + RawConnection.reset(id)
          id += 2
        }
        isSending = await connection.sendAll(chunk)
      }
      let sent = try await connection.closed()
      // The GOAWAY may be lost with what the server did not read any more; its log is sure.
      let code = RawConnection.goAwayCode(in: sent)
      #expect(code == nil || code == HTTP2ErrorCode.enhanceYourCalm.rawValue)
      #expect(server.log.lines == ["warning ended a connection that broke the rules: ENHANCE_YOUR_CALM"])
      #expect(started.value <= 1_200)
    }
  }

  @Test("resets that come a moment after their streams end the connection too, with no more handlers than the budget")
  func patientReset() async throws {
    let started = Counter()
    let slow = GRPCMethod("Slow") { (requests, _, _) in
      started.increment()
      for try await _ in requests {}
    }
    try await run([slow, .echo]) { server in
      let client = try await server.connectRaw()
      _ = try? await client.openAndReset(100_000, path: "/test.Service/Slow")
      try await client.closed()
      #expect(server.log.lines.contains("warning ended a connection that broke the rules: ENHANCE_YOUR_CALM"))
      #expect((1...1_500).contains(started.value))
    }
  }

  @Test("messages that are never whole take no more than was sent of them")
  func partialMessages() async throws {
    try await run { server in
      let memory = residentBytes()
      let connection = try await RawConnection(to: server.address)
      connection.send(RawConnection.greeting)
      for round in 0..<UInt32(900) {
        let id = 2 * round + 1
        let claim: [UInt8] = [0, 0, 0x3F, 0xFF, 0xFF, 1, 2, 3]
        let isOpen = await connection.sendAll(RawConnection.request(id, echoPath) + RawConnection.data(id, claim))
        try #require(isOpen)
      }
      // An answer to the last stream's neighbour shows that all was read.
      let id: UInt32 = 1_801
      connection.send(RawConnection.request(id, "/no.Such/Method", endStream: true))
      try await server.connect().close()
      // Believing the lengths claimed would take 3.6 GB. Other tests of this process take memory too.
      if let memory, let after = residentBytes() { #expect(after - memory < 512 * 1_024 * 1_024) }
      try await connection.close()
    }
  }

  @Test("PINGs and SETTINGS without end, whose answers nobody reads, do not fill the memory", arguments: [true, false])
  func answerFlood(pings: Bool) async throws {
    try await run { server in
      let memory = residentBytes()
      let deaf = try await RawConnection(to: server.address, autoRead: false)
      deaf.send(RawConnection.greeting)
      let frame =
        pings
        ? RawConnection.frame(type: 6, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8])
        : RawConnection.settings(initialWindow: 65_535)
      let flood = (0..<10_000).flatMap { _ in frame }
      // Sent into the socket as far as it takes it; the server stops reading or closes.
      for _ in 0..<300 { deaf.send(flood) }
      for _ in 0..<20 { #expect(try await server.connect().ask() == "x") }
      // What we ourselves hold unsent is most of it.
      let ours = 300 * flood.count
      if let memory, let after = residentBytes() { #expect(after - memory < 2 * ours + 256 * 1_024 * 1_024) }
      try? await deaf.close()
    }
  }

  /// Runs a server, and beside the body a client that is answered without a pause and without a failure.
  private func run(
    _ methods: [GRPCMethod] = [.echo], configuration: GRPCServer.Configuration = GRPCServer.Configuration(),
    _ body: (TestServer) async throws -> Void
  ) async throws {
    try await TestServer.run(methods, configuration: configuration) { server in
      let channel = try await server.connect()
      #expect(try await channel.ask(echoPath, "before") == "before")
      let bystander = Task {
        var answers = 0
        while !Task.isCancelled {
          guard try await channel.ask(echoPath, "during") == "during" else { throw GRPCStatus(.dataLoss) }
          answers += 1
        }
        return answers
      }
      try await body(server)
      bystander.cancel()
      #expect(try await bystander.value > 0)
      #expect(try await channel.ask(echoPath, "after") == "after")
    }
  }

  /// The memory that this process has, where the system says.
  private func residentBytes() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
    return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4_096 }
  }
}
