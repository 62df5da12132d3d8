// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("calls to many backends of which some fail", .timeLimit(.minutes(1)))
struct FanOutFailureTests {
  private static let good: BareMethod = { call, _ in call.answer("good") }

  /// How the second of three backends fails.
  enum Failure: CaseIterable {
    case status, trailersOnly, reset, noGRPC, tooLong, cutOff, unreachable

    var code: GRPCStatus.Code {
      switch self {
      case .status, .trailersOnly: .aborted
      case .reset, .cutOff: .internal
      case .noGRPC, .unreachable: .unavailable
      case .tooLong: .resourceExhausted
      }
    }

    /// What it answers before that.
    var answers: [String] { self == .status || self == .cutOff ? ["half"] : [] }

    func serve(_ call: BareStream) async throws {
      switch self {
      case .status:
        call.answer("half", trailers: GRPCFields.trailers(GRPCStatus(.aborted, "no"), [:]))
      case .trailersOnly: throw GRPCStatus(.aborted, "no")
      case .reset: call.reset(.internalError)
      case .noGRPC: call.send(headers: [":status": "503"], endStream: true)
      case .tooLong:
        call.send(headers: PingService.head([:]))
        call.send(bytes: ByteBuffer(bytes: [0, 0x7F, 0xFF, 0xFF, 0xFF]))
      case .cutOff:
        call.send(headers: PingService.head([:]))
        call.send(ByteBuffer(string: "half"))
        call.send(bytes: ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        call.end(trailers: PingService.ok())
      case .unreachable: break
      }
    }
  }

  @Test(
    "a failure becomes an item among the answers, and the call is OK", arguments: Failure.allCases,
    [FanOut.Answers.interleaved, .merged])
  func item(failure: Failure, answers: FanOut.Answers) async throws {
    let backends: [BareMethod] = [Self.good, { call, _ in try await failure.serve(call) }, Self.good]
    let fanOut: ([BackendPool]) -> FanOut = { pools in
      FanOut(to: pools, answers: answers) { status, backend in ByteBuffer(string: "\(backend): \(status.code)") }
    }
    try await withFanOut(to: backends, fanOut) { proxy, servers in
      if failure == .unreachable { await servers[1].stop() }
      let response = try await proxy.call()
      #expect(response.status == .ok)
      let own = failure.answers + ["1: \(failure.code)"]
      let texts = try response.messages.map(\.text)
      switch answers {
      case .interleaved: #expect(texts.sorted() == (["good", "good"] + own).sorted())
      case .merged: #expect(texts == ["good\(own.joined())good"])
      }
    }
  }

  @Test(
    "a failure that nothing describes ends the call with its status, and the other backends' calls",
    arguments: Failure.allCases)
  func end(failure: Failure) async throws {
    let begun = Events<Void>()
    let release = Events<Void>()
    let ends = Events<HTTP2ErrorCode?>()
    let waiting: BareMethod = { call, _ in
      begun.send()
      ends.send(await call.closed())
    }
    let failing: BareMethod = { call, _ in
      await release.next()
      try await failure.serve(call)
    }
    try await withFanOut(to: [waiting, failing, waiting], { FanOut(to: $0, answers: .interleaved) }) { proxy, servers in
      if failure == .unreachable { await servers[1].stop() }
      try await proxy.withClient { client in
        let call = try await client.open()
        if failure != .unreachable {
          for _ in 0..<2 { await begun.next() }
          release.send()
        }
        #expect(try await call.response().status?.code == failure.code)
      }
      #expect(await proxy.summaries.next()?.status == failure.code)
      if failure != .unreachable { for _ in 0..<2 { #expect(await ends.next() == .cancel) } }
    }
  }

  @Test(
    "answers that are too long when they are merged end the call, before all of them are here", arguments: [1_000, nil])
  func mergedTooLong(limit: Int?) async throws {
    let ends = Events<HTTP2ErrorCode?>()
    // Each message is short enough, and there is no end to them.
    let begun = Events<Void>()
    let flood = GRPCMethod("Flood") { (_, responses, _) in
      await begun.next()
      while true { try await responses.send(ByteBuffer(repeating: 7, count: 1_000)) }
    }
    let waiting: BareMethod = { call, _ in
      begun.send()
      ends.send(await call.closed())
    }
    try await withServer([GRPCService("test.Any", methods: [flood])]) { flooding in
      try await withServer([GRPCService(unknownMethods: .bare("*", waiting))]) { waiting in
        let pools = try [flooding, waiting].map { try BackendPool(BackendSet("\($0.target)", [$0.backend])) }
        defer { for pool in pools { pool.retire() } }
        let director = Director { _ in
          var direction = CallDirection.toAll(of: FanOut(to: pools, answers: .merged))
          direction.maxMessageLength = limit
          return direction
        }
        let proxy = try await ProxyServer.start(director)
        try await ended(proxy.stop) {
          let response = try await proxy.call(BareClient.fields("/test.Any/Flood"))
          #expect(response.status?.code == .resourceExhausted)
          #expect(response.data.readableBytes == 0)
          #expect(await ends.next() == .cancel)
        }
      }
    }
  }

  @Test("what a rewrite throws is the backend's status")
  func rewriteThrows() async throws {
    try await withFanOut(
      to: [Self.good, Self.good],
      { pools in
        var fanOut = FanOut(to: pools, answers: .interleaved) { status, backend in
          ByteBuffer(string: "\(backend): \(status)")
        }
        fanOut.rewrite = { message, backend in
          guard backend == "0" else { throw GRPCStatus(.dataLoss, "not that") }
          return message
        }
        return fanOut
      }
    ) { proxy, _ async throws in
      let response = try await proxy.call()
      #expect(try response.messages.map(\.text).sorted() == ["1: DATA_LOSS: not that", "good"])
      #expect(response.status == .ok)
    }
  }

  @Test("a client that gives up, or a deadline that passes, reaches all backends", arguments: [true, false])
  func cancel(clientGivesUp: Bool) async throws {
    let begun = Events<Void>()
    let ends = Events<HTTP2ErrorCode?>()
    let waiting: BareMethod = { call, _ in
      begun.send()
      ends.send(await call.closed())
    }
    let backends = Array(repeating: waiting, count: 5)
    try await withFanOut(to: backends, { FanOut(to: $0, answers: .merged) }) { proxy, servers in
      try await proxy.withClient { client in
        let call = try await client.open(BareClient.fields(clientGivesUp ? [:] : ["grpc-timeout": "5S"]))
        for _ in 0..<5 { await begun.next() }
        if clientGivesUp { call.reset(.cancel) }
        for _ in 0..<5 { #expect(await ends.next() == .cancel) }
      }
      let summary = await proxy.summaries.next()
      #expect(summary?.status == (clientGivesUp ? .cancelled : .deadlineExceeded))
      #expect(summary?.backends.sorted() == servers.map { "\($0.target)" }.sorted())
    }
  }
}
