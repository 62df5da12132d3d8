// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded
import Testing

@Suite("What became of a client's request")
struct HTTP2ClientStreamTests {
  /// SETTINGS_MAX_CONCURRENT_STREAMS.
  private static let maxConcurrentStreams: UInt16 = 3

  @Test("it has left when its headers have, and not while it waits for its turn")
  func hasLeft() throws {
    let client = try EmbeddedClient(greeted: false)
    try client.receive(.settings((Self.maxConcurrentStreams, 1)), .settingsAck)
    let first = try client.open()
    #expect(!first.hasLeft)
    _ = try client.frames()
    #expect(first.hasLeft)
    let second = try client.open()
    second.write { $0.writeString("body") }
    second.end()
    #expect(try client.kinds() == [])
    #expect(!second.hasLeft)

    try client.receive(.headers(1, HPACK.block([(":status", "200")]), endStream: true))
    first.end()
    #expect(try client.kinds() == [.data, .headers, .data])
    #expect(second.hasLeft)
    try client.finish()
  }

  @Test("it is cut off when the connection is lost, and not when it is reset or ends")
  func isCutOff() throws {
    let client = try EmbeddedClient()
    let handlers = (0..<3).map { _ in StreamHandlerStub() }
    let streams = try handlers.map { try client.open($0) }
    _ = try client.frames()
    try client.receive(.reset(1, HTTP2ErrorCode.cancel.rawValue))
    streams[1].end()
    _ = try client.frames()
    try client.receive(.headers(3, HPACK.block([(":status", "200")]), endStream: true))
    #expect(handlers.map(\.closedWith) == [[.cancel], [.noError], []])
    try client.finish()
    #expect(streams.map(\.isCutOff) == [false, false, true])
    #expect(streams.map(\.hasLeft) == [true, true, true])
    #expect(handlers[2].closedWith == [.cancel])
  }

  @Test("when the connection is lost, no stream may be opened on it any more before the first one learns of it")
  func endingBeforeStreams() throws {
    let client = try EmbeddedClient()
    let handler = StreamHandlerStub()
    handler.onClosed = { client.observer.note("stream closed") }
    _ = try client.open(handler)
    try client.finish()
    #expect(client.observer.log == ["opened", "ending", "stream closed", "closed"])
  }

  @Test("the server's limit is known from its SETTINGS on, and as it changes")
  func remoteLimit() throws {
    let client = try EmbeddedClient(greeted: false)
    #expect(client.handler.session.remoteMaxConcurrentStreams >= 100)
    for limit in [7, 0, 100_000] as [UInt32] {
      try client.receive(.settings((Self.maxConcurrentStreams, limit)))
      #expect(client.handler.session.remoteMaxConcurrentStreams == Int(limit))
    }
    try client.finish()
  }

  // MARK: GOAWAY

  @Test("after the server's GOAWAY streams that had not left are closed at once, whether or not it would take more")
  func waitingAtGoAway() throws {
    for lastStream in [1, 0x7FFF_FFFF] as [UInt32] {
      let client = try EmbeddedClient(greeted: false)
      try client.receive(.settings((Self.maxConcurrentStreams, 1)), .settingsAck)
      let handlers = (0..<4).map { _ in StreamHandlerStub() }
      let streams = try handlers[..<3].map { try client.open($0) }
      _ = try client.frames()
      // In the same turn of the event loop, so that it has not even come to wait.
      let last = try client.open(handlers[3])
      try client.receive(.goAway(lastStream: lastStream, code: 0))
      #expect(handlers.map(\.closedWith) == [[], [.refusedStream], [.refusedStream], [.refusedStream]])
      #expect(client.observer.log == ["opened", "goAway NO_ERROR"])
      #expect([streams[1], streams[2], last].allSatisfy { !$0.hasLeft && !$0.isCutOff && $0.isClosed })
      #expect(client.handler.session.streams.map(\.id) == [1])

      // The one that had left ends as always, and what has been closed does not come back.
      streams[0].end()
      try client.receive(.headers(1, HPACK.block([(":status", "200")]), endStream: true))
      #expect(try client.kinds().allSatisfy { $0 != .headers })
      #expect(handlers.map(\.closedWith.count) == [1, 1, 1, 1])
      #expect(handlers[0].closedWith == [.noError])
      #expect(!client.isOpen)
      try client.finish()
    }
  }

  @Test("a request that is made after the server's GOAWAY is closed, and does not wait for those under way")
  func afterGoAway() throws {
    let client = try EmbeddedClient()
    _ = try client.open()
    _ = try client.frames()
    try client.receive(.goAway(lastStream: 0x7FFF_FFFF, code: 0))
    let handler = StreamHandlerStub()
    let late = try client.open(handler)
    #expect(try client.kinds() == [])
    #expect(handler.closedWith == [.refusedStream])
    #expect(!late.hasLeft)
    #expect(client.isOpen)
    try client.finish()
  }

  @Test("a stream that closes because of GOAWAY frees its memory")
  func memory() throws {
    weak var stream: HTTP2Stream?
    let client = try EmbeddedClient(greeted: false)
    try client.receive(.settings((Self.maxConcurrentStreams, 0)), .settingsAck)
    do {
      let waiting = try client.open()
      waiting.write { $0.writeString("body") }
      stream = waiting
    }
    _ = try client.frames()
    #expect(stream != nil)
    try client.receive(.goAway(lastStream: 0, code: 0))
    #expect(stream == nil)
    try client.finish()
  }

  // MARK: Our own end

  @Test("a shutdown says that no stream may be opened any more before anything of it leaves")
  func shutdown() throws {
    let client = try EmbeddedClient()
    client.handler.beginShutdown()
    #expect(client.observer.log == ["opened", "ending"])
    // A client that will open no more streams first asks whether the server's answers to what it opened have come.
    #expect(try client.kinds() == [.ping])
    client.advance(by: .seconds(1))
    #expect(try client.kinds() == [.goAway])
    #expect(!client.isOpen)
    try client.finish()
  }

  @Test("the idle time counts from the server's SETTINGS on")
  func idleBeforeSettings() throws {
    var limits = HTTP2ConnectionHandler.Limits()
    limits.idleTimeout = .seconds(1)
    let client = try EmbeddedClient(limits: limits, greeted: false)
    client.advance(by: .seconds(5))
    #expect(client.observer.log == ["opened"])
    try client.receive(.settings(), .settingsAck)
    _ = try client.frames()
    client.advance(by: .milliseconds(999))
    #expect(client.observer.log == ["opened"])
    client.advance(by: .milliseconds(1))
    #expect(client.observer.log == ["opened", "ending"])
    try client.finish()
  }

  @Test("a stream that is opened in the very turn in which the idle time ends keeps the connection")
  func idleCrossing() throws {
    var limits = HTTP2ConnectionHandler.Limits()
    limits.idleTimeout = .seconds(60)
    let client = try EmbeddedClient(limits: limits, greeted: false)
    var stream: HTTP2Stream?
    // Before the handler's own timer, since it is scheduled first.
    client.channel.embeddedEventLoop.assumeIsolated().scheduleTask(in: .seconds(60)) { stream = try client.open() }
    try client.receive(.settings(), .settingsAck)
    client.advance(by: .seconds(60))
    #expect(try client.kinds().contains(.headers))
    #expect(stream?.hasLeft == true)
    #expect(client.observer.log == ["opened"])
    try client.finish()
  }
}
