// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("HTTP/2 resets")
struct HTTP2SessionResetTests {
  private let burst = 50

  private var configuration: HTTP2Configuration {
    var configuration = HTTP2Configuration()
    configuration.resetBudget = .init(burst: burst, perSecond: 0)
    return configuration
  }

  @Test("Envoy's resets of answered streams never end a connection", arguments: [0, 2, 8] as [UInt32])
  func envoyShaped(code: UInt32) throws {
    let server = try RawServer(configuration)
    server.peer.isQuiet = true
    server.peer.onHeaders = { stream in
      stream.sendHeaders(.response)
      stream.write { $0.writeString("answer") }
    }
    var id: Int32 = 1
    for _ in 0..<1_000 {
      let batch = (0..<100).map { id + 2 * Int32($0) }
      let answers = try server.send([.windowUpdate(0, by: 600)] + batch.map { .headers($0) })
      try #require(answers.filter { $0.kind == .data }.count == batch.count)
      try #require(try server.send(batch.map { .reset($0, code) }).isEmpty)
      id += 200
    }
    #expect(server.peer.log.isEmpty)
    #expect(server.peer.session.streams.isEmpty)
  }

  @Test("resets that cross on the way with the end of the answer are not counted", arguments: [true, false])
  func crossing(requestEnded: Bool) throws {
    let server = try RawServer(configuration)
    server.peer.onHeaders = { stream in
      stream.sendHeaders(.response)
      stream.end(trailers: ["grpc-status": "0"])
    }
    for round in 0..<Int32(4 * burst) {
      let id = 2 * round + 1
      try server.send(.headers(id, endStream: requestEnded))
      try server.send(.reset(id, 8))
    }
    #expect(server.peer.log.allSatisfy { !$0.hasPrefix("terminated") })
    #expect(server.peer.session.streams.isEmpty)
  }

  @Test("a stream said to be dealt with without an answer is reset for free")
  func markedAnswered() throws {
    let server = try RawServer(configuration)
    server.peer.onHeaders = { $0.markAnswered() }
    for round in 0..<Int32(4 * burst) {
      try server.send(.headers(2 * round + 1))
      try server.send(.reset(2 * round + 1, 8))
    }
    #expect(server.peer.log.allSatisfy { !$0.hasPrefix("terminated") })
  }

  @Test("resets of unanswered streams end the connection as soon as they exceed the budget")
  func rapidReset() throws {
    let server = try RawServer(configuration)
    for round in 0..<Int32(burst) {
      #expect(try server.send(.headers(2 * round + 1), .reset(2 * round + 1, 8)).isEmpty)
    }
    let frames = try server.send(.headers(2 * Int32(burst) + 1), .reset(2 * Int32(burst) + 1, 8))
    #expect(frames.map(\.kind) == [.goAway])
    #expect(frames[0].errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
    #expect(server.peer.log.filter { $0.hasPrefix("terminated") } == ["terminated ENHANCE_YOUR_CALM"])
    #expect(server.peer.session.isFinished)
  }

  @Test("the budget of the default configuration ends a flood of resets sent at once")
  func defaultBudget() throws {
    let server = try RawServer()
    server.peer.isQuiet = true
    var frames: [Frame] = []
    for round in 0..<Int32(5_000) { frames += [.headers(2 * round + 1), .reset(2 * round + 1, 8)] }
    let sent = try server.send(frames)
    #expect(sent.last?.kind == .goAway)
    #expect(sent.last?.errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
    // The last stream that was dealt with: a thousand, and what the passing of time gave back.
    #expect((1_000...1_200).contains((sent.last?.number ?? 0) / 2))
  }

  @Test("resets that a client provokes from us are counted", arguments: Provocation.allCases)
  func provoked(by provocation: Provocation) throws {
    let server = try RawServer(configuration)
    server.peer.onHeaders = { $0.sendHeaders(.response) }
    var resets = 0
    for round in 0..<Int32(burst + 1) {
      let frames = try server.send(provocation.frames(on: 2 * round + 1))
      resets += frames.filter { $0.kind == .reset && $0.errorCode != 0 }.count
      if let goAway = frames.first(where: { $0.kind == .goAway }) {
        #expect(goAway.errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
        #expect(round == burst)
      }
    }
    #expect(resets == burst + 1)
    #expect(server.peer.log.contains("terminated ENHANCE_YOUR_CALM"))
  }

  /// What makes a server reset a stream without ending the connection.
  enum Provocation: CaseIterable, CustomTestStringConvertible {
    case windowOverflow, malformedRequest, bodyLongerThanDeclared, bodyShorterThanDeclared, headersTooLarge

    var testDescription: String { "\(self)" }

    func frames(on id: Int32) -> [Frame] {
      let declared = HPACK.request + HPACK.block([("content-length", "2")])
      return switch self {
      case .windowOverflow: [.headers(id), .windowUpdate(id, by: 0x7FFF_FFFF)]
      case .malformedRequest: [.headers(id, HPACK.request + HPACK.block([("connection", "close")]))]
      case .bodyLongerThanDeclared: [.headers(id, declared), .data(id, [1, 2, 3])]
      case .bodyShorterThanDeclared: [.headers(id, declared), .data(id, [1], endStream: true)]
      case .headersTooLarge:
        [
          .headers(id, HPACK.request, endHeaders: false),
          .continuation(id, HPACK.block([("a", String(repeating: "a", count: 16_000))])),
          .continuation(id, HPACK.block([("b", String(repeating: "b", count: 16_000))])),
          .continuation(id, HPACK.block([("c", String(repeating: "c", count: 1_000))]), endHeaders: true),
        ]
      }
    }
  }

  @Test("what would make us reset again and again ends the connection instead", arguments: Offence.allCases)
  func connectionErrors(offence: Offence) throws {
    let server = try RawServer(configuration)
    server.peer.onHeaders = { $0.sendHeaders(.response) }
    try server.send(.headers(1, endStream: offence == .dataAfterEnd))
    let frames = try server.send(offence.frame)
    #expect(frames.map(\.kind) == [.goAway])
    #expect(frames.first?.errorCode == offence.code.rawValue)
    #expect(server.peer.log.last == "terminated \(offence.code)")
  }

  enum Offence: CaseIterable {
    case dataAfterEnd, zeroIncrement, selfDependency

    var frame: Frame {
      switch self {
      case .dataAfterEnd: .data(1, [1])
      case .zeroIncrement: .windowUpdate(1, by: 0)
      case .selfDependency: .priority(1, dependsOn: 1)
      }
    }

    var code: HTTP2ErrorCode { self == .dataAfterEnd ? .streamClosed : .protocolError }
  }

  @Test("a stream over the limit is refused before our SETTINGS are acknowledged, and others go on")
  func refusedStream() throws {
    var configuration = configuration
    configuration.maxConcurrentStreams = 3
    let server = try RawServer(configuration, greeted: false)
    try server.peer.receive(Frame.preface)
    let frames = try server.send(.settings(), .headers(1), .headers(3), .headers(5), .headers(7))
    #expect(frames.filter { $0.kind == .reset } == [.reset(7, HTTP2ErrorCode.refusedStream.rawValue)])
    #expect(server.peer.log == ["headers 1", "headers 3", "headers 5"])
    server.peer.session.stream(1)!.reset(.cancel)
    #expect(try server.peer.takeOutput().frames == [.reset(1, 8)])
    try server.send(.headers(9))
    #expect(server.peer.log.last == "headers 9")
  }

  @Test("a stream whose handler is still at work keeps its place after its reset")
  func busyStreams() throws {
    var configuration = configuration
    configuration.maxConcurrentStreams = 2
    let server = try RawServer(configuration)
    var streams: [HTTP2Stream] = []
    let handler = StreamHandlerStub()
    handler.isBusy = true
    server.peer.onHeaders = {
      streams.append($0)
      $0.handler = handler
    }
    try server.send(.headers(1), .headers(3))
    try server.send(.reset(1, 8), .reset(3, 8))
    #expect(streams.map(\.id) == [1, 3])
    #expect(try server.send(.headers(5)) == [.reset(5, HTTP2ErrorCode.refusedStream.rawValue)])
    #expect(streams.map(\.id) == [1, 3])

    streams[0].workEnded()
    #expect(try server.send(.headers(7)).isEmpty)
    #expect(streams.map(\.id) == [1, 3, 7])
    #expect(try server.send(.headers(9)).map(\.kind) == [.reset])

    // Done before its reset: the place is free at once.
    handler.isBusy = false
    try server.send(.reset(7, 8))
    #expect(try server.send(.headers(11)).isEmpty)
    #expect(streams.map(\.id) == [1, 3, 7, 11])
  }

  @Test("refused streams are counted too")
  func refusedAreCounted() throws {
    var configuration = configuration
    configuration.maxConcurrentStreams = 1
    let server = try RawServer(configuration)
    let handler = StreamHandlerStub()
    handler.isBusy = true
    server.peer.onHeaders = { $0.handler = handler }
    try server.send(.headers(1))
    try server.send(.reset(1, 8))
    var id: Int32 = 3
    while server.peer.log.allSatisfy({ !$0.hasPrefix("terminated") }), id < 10 * Int32(burst) {
      try server.send(.headers(id))
      id += 2
    }
    // The reset of the first stream, and those of all others.
    #expect(id == 2 * Int32(burst) + 3)
  }
}
