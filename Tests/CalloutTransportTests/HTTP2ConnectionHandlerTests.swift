// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded
import Testing

@Suite("HTTP/2 connection handler")
struct HTTP2ConnectionHandlerTests {
  @Test("all the answers of one read leave in one write")
  func oneWritePerRead() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.observer.makeHandler = { stream in
      let handler = StreamHandlerStub()
      handler.onEnd = { self.answer(stream) }
      return handler
    }
    let requests = try (0..<100).map { _ in try server.client.session.openStream(.request) }
    for request in requests { request.end() }
    let before = server.gate.writes
    try server.channel.writeInbound(try server.client.takeOutput())
    #expect(server.gate.writes == before + 1)
    try server.exchange()
    for request in requests { #expect(server.client.record(request.id).data == ByteBuffer(string: "answer")) }
    try server.finish()
  }

  @Test("a connection works on after bursts of streams and pauses, in which it gives memory back")
  func bursts() throws {
    let server = try EmbeddedServer()
    server.observer.makeHandler = { stream in
      let handler = StreamHandlerStub()
      handler.onEnd = { self.answer(stream) }
      return handler
    }
    for pause in [0, 500, 1_000, 3_000] as [Int64] {
      let requests = try (0..<100).map { _ in try server.client.session.openStream(.request) }
      for request in requests { request.end() }
      try server.exchange()
      for request in requests { #expect(server.client.record(request.id).data == ByteBuffer(string: "answer")) }
      server.advance(by: .milliseconds(pause))
    }
    try server.finish()
  }

  @Test("answers given outside a read, in one turn of the event loop, leave in one write")
  func oneWritePerTurn() throws {
    let server = try EmbeddedServer()
    var streams: [HTTP2Stream] = []
    server.observer.makeHandler = {
      streams.append($0)
      return StreamHandlerStub()
    }
    for _ in 0..<50 { try server.client.session.openStream(.request).end() }
    try server.exchange()
    let before = server.gate.writes
    for stream in streams { answer(stream) }
    #expect(server.gate.writes == before)
    server.channel.embeddedEventLoop.run()
    #expect(streams.count == 50)
    #expect(server.gate.writes == before + 1)
    try server.finish()
  }

  @Test("a channel that cannot be written to is read from until much waits to be written, and again once it can")
  func heldBackReads() throws {
    var configuration = HTTP2Configuration()
    configuration.connectionOutboundHighWater = 10_000
    let server = try EmbeddedServer(configuration: configuration)
    try server.exchange()
    var stream: HTTP2Stream?
    server.observer.makeHandler = {
      stream = $0
      $0.sendHeaders(.response)
      return StreamHandlerStub()
    }
    _ = try server.client.session.openStream(.request)
    try server.exchange()
    let before = server.gate.reads
    server.setWritable(false)
    try #require(stream).write { $0.writeBytes([UInt8](repeating: 1, count: 10_000)) }
    server.channel.pipeline.read()
    #expect(server.gate.reads == before + 1)

    try #require(stream).write { $0.writeInteger(UInt8(1)) }
    server.channel.pipeline.read()
    server.channel.pipeline.read()
    #expect(server.gate.reads == before + 1)

    server.setWritable(true)
    #expect(server.gate.reads == before + 2)
    server.setWritable(false)
    server.setWritable(true)
    #expect(server.gate.reads == before + 2)
    try server.finish()
  }

  @Test("answers without a body that wait for a peer that takes nothing are held within a bound, too")
  func heldBackFrames() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.observer.makeHandler = {
      $0.sendHeaders(.response, endStream: true)
      return StreamHandlerStub()
    }
    server.setWritable(false)
    var reads = server.gate.reads
    var opened = 0
    while server.gate.reads == reads, opened < 20_000 {
      let streams = try (0..<100).map { _ in try server.client.session.openStream(.request) }
      opened += 100
      try server.channel.writeInbound(try server.client.takeOutput())
      for stream in streams { stream.reset(.cancel) }
      try server.channel.writeInbound(try server.client.takeOutput())
      server.channel.pipeline.read()
      reads += 1
    }
    #expect((10_000..<20_000).contains(opened))
    try server.finish()
  }

  @Test("what waits for the peer's window does not keep from reading the update of it")
  func closedWindow() throws {
    var configuration = HTTP2Configuration()
    configuration.connectionOutboundHighWater = 10_000
    let server = try EmbeddedServer(configuration: configuration)
    try server.exchange()
    server.observer.makeHandler = {
      $0.sendHeaders(.response)
      $0.write { $0.writeBytes([UInt8](repeating: 1, count: 10_000_000)) }
      return StreamHandlerStub()
    }
    _ = try server.client.session.openStream(.request)
    server.client.consumesData = false
    try server.exchange()
    let before = server.gate.reads
    server.channel.pipeline.read()
    #expect(server.gate.reads == before + 1)
    try server.finish()
  }

  @Test("nothing is written to a channel that cannot take it, and all of it once it can")
  func heldBackWrites() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.observer.makeHandler = {
      self.answer($0)
      return StreamHandlerStub()
    }
    server.setWritable(false)
    let before = server.gate.writes
    let request = try server.client.session.openStream(.request)
    try server.channel.writeInbound(try server.client.takeOutput())
    server.channel.embeddedEventLoop.run()
    #expect(server.gate.writes == before)
    server.setWritable(true)
    #expect(server.gate.writes == before + 1)
    try server.exchange()
    #expect(server.client.record(request.id).data == ByteBuffer(string: "answer"))
    try server.finish()
  }

  @Test("a stream's events reach its handler in order, and its closing last and once")
  func streamEvents() throws {
    let server = try EmbeddedServer()
    let handler = StreamHandlerStub()
    var events: [String] = []
    server.observer.makeHandler = { stream in
      handler.onData = {
        events.append("data \($0.readableBytes)")
        stream.consumed($0.readableBytes)
      }
      handler.onEnd = {
        events.append("end")
        self.answer(stream)
      }
      return handler
    }
    let request = try server.client.session.openStream(.request)
    request.write { $0.writeString("abc") }
    request.end()
    try server.exchange()
    #expect(events == ["data 3", "end"])
    #expect(handler.closedWith == [.noError])
    #expect(server.observer.log == ["opened", "stream 1"])
    try server.finish()
    #expect(handler.closedWith == [.noError])
    #expect(server.observer.log == ["opened", "stream 1", "closed"])
  }

  @Test("a stream opened and reset in one read starts no work")
  func stillborn() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    try server.channel.writeInbound(ByteBuffer(frames: [.headers(1), .data(1, [1]), .reset(1, 8), .headers(3)]))
    #expect(server.observer.log == ["opened", "stream 3"])
    try server.finish()
  }

  @Test("data that arrives for a stream just reset is not shown to its handler, and its credit returns")
  func dataAfterReset() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    var shown = 0
    server.observer.makeHandler = { stream in
      let handler = StreamHandlerStub()
      handler.onData = { _ in
        shown += 1
        stream.reset(.cancel)
        stream.consumed(16_384)
      }
      return handler
    }
    let piece = [UInt8](repeating: 0, count: 16_384)
    // Three times the connection's window in all.
    for round in 0..<Int32(500) {
      let id = 2 * round + 1
      let frames: [Frame] = [.headers(id)] + (0..<6).map { _ in .data(id, piece) }
      try server.channel.writeInbound(ByteBuffer(frames: frames))
      try server.channel.writeInbound(ByteBuffer(frames: [.ping()]))
    }
    #expect(server.observer.log.count == 501)
    #expect(server.isOpen)
    #expect(shown >= 500)
    try server.finish()
  }

  @Test("a client that sends no preface is closed at the timeout", arguments: ["", "PRI * HTTP/2.0\r\n\r\nSM"])
  func prefaceTimeout(sent: String) throws {
    let server = try EmbeddedServer()
    if !sent.isEmpty { try server.channel.writeInbound(ByteBuffer(string: sent)) }
    server.advance(by: .milliseconds(9_999))
    #expect(server.isOpen)
    server.advance(by: .milliseconds(1))
    #expect(!server.isOpen)
    #expect(server.observer.log == ["opened", "failed", "closed"])
    #expect((server.observer.failures.first as? HTTP2Error)?.code == .settingsTimeout)
    try server.finish()
  }

  @Test("a client that sent its preface is left in peace")
  func noTimeout() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.advance(by: .hours(24))
    #expect(server.isOpen)
    try server.finish()
  }

  @Test("a broken preface closes the connection")
  func brokenPreface() throws {
    let server = try EmbeddedServer()
    try server.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    #expect(!server.isOpen)
    #expect(server.observer.log == ["opened", "failed", "closed"])
    try server.finish()
  }

  @Test("a violation sends GOAWAY and then closes the connection")
  func violation() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    try server.channel.writeInbound(ByteBuffer(frames: [.headers(1), .data(0, [1])]))
    let goAway = try server.readOutbound().frames.last
    #expect(goAway?.kind == .goAway)
    #expect(goAway?.errorCode == HTTP2ErrorCode.protocolError.rawValue)
    #expect(!server.isOpen)
    #expect(server.observer.log == ["opened", "stream 1", "terminated PROTOCOL_ERROR", "closed"])
    try server.finish()
  }

  @Test("a lost connection closes every stream before itself")
  func lostConnection() throws {
    let server = try EmbeddedServer()
    var handlers: [StreamHandlerStub] = []
    server.observer.makeHandler = { _ in
      handlers.append(StreamHandlerStub())
      return handlers.last!
    }
    for _ in 0..<3 { _ = try server.client.session.openStream(.request) }
    try server.exchange()
    try server.finish()
    #expect(handlers.map(\.closedWith) == [[.cancel], [.cancel], [.cancel]])
    #expect(server.observer.log.last == "closed")
    #expect(server.observer.log.filter { $0 == "closed" }.count == 1)
  }

  @Test("a connection without streams is shut down at the idle timeout")
  func idleTimeout() throws {
    var limits = HTTP2ConnectionHandler.Limits()
    limits.idleTimeout = .seconds(60)
    let server = try EmbeddedServer(limits: limits)
    var open: HTTP2Stream?
    server.observer.makeHandler = {
      open = $0
      return StreamHandlerStub()
    }
    try server.exchange()
    server.advance(by: .seconds(59))
    let request = try server.client.session.openStream(.request)
    request.end()
    try server.exchange()
    server.advance(by: .seconds(3_600))
    #expect(server.isOpen)

    try #require(open).sendHeaders(.response, endStream: true)
    try server.exchange()
    server.advance(by: .seconds(59))
    #expect(server.isOpen)
    server.advance(by: .seconds(1))
    try server.exchange()
    #expect(!server.isOpen)
    #expect(server.client.log.last == "goAway NO_ERROR 2147483647")
    try server.finish()
  }

  @Test("a shutdown announces, refuses after a round trip, lets streams finish, and then closes")
  func shutdown() throws {
    let server = try EmbeddedServer()
    var streams: [HTTP2Stream] = []
    server.observer.makeHandler = {
      streams.append($0)
      return StreamHandlerStub()
    }
    try server.client.session.openStream(.request).end()
    try server.exchange()
    server.handler.beginShutdown()
    server.handler.beginShutdown()
    let announced = try server.readOutbound()
    #expect(announced.frames.filter { $0.kind == .goAway }.map(\.number) == [UInt32(Int32.max)])

    // A stream that was on its way when the announcement was made.
    try server.client.session.openStream(.request).end()
    try server.channel.writeInbound(try server.client.takeOutput())
    #expect(streams.map(\.id) == [1, 3])

    try server.client.receive(announced)
    try server.exchange()
    #expect(server.client.log.last == "goAway NO_ERROR 3")
    #expect(server.isOpen)
    for stream in streams { answer(stream) }
    try server.exchange()
    #expect(server.client.record(1).data == ByteBuffer(string: "answer"))
    #expect(server.client.record(3).closedWith == .noError)
    #expect(!server.isOpen)
    try server.finish()
  }

  @Test(
    "a connection is not closed before the peer has read the last of it, or has had its time", arguments: [true, false])
  func lastWrites(reads: Bool) throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.gate.isSlow = true
    server.handler.beginShutdown()
    server.advance(by: .seconds(1))
    try server.exchange()
    #expect(server.isOpen)
    if reads {
      server.gate.allRead()
    } else {
      server.advance(by: .milliseconds(9_900))
      #expect(server.isOpen)
      server.advance(by: .milliseconds(100))
    }
    try server.exchange()
    #expect(!server.isOpen)
    server.gate.allRead()
    try server.finish()
  }

  @Test("a shutdown does not depend on the client's answer to the PING")
  func shutdownWithoutPing() throws {
    let server = try EmbeddedServer()
    try server.exchange()
    server.handler.beginShutdown()
    server.advance(by: .milliseconds(999))
    #expect(server.isOpen)
    server.advance(by: .milliseconds(1))
    #expect(try server.readOutbound().frames.filter { $0.kind == .goAway }.map(\.number) == [UInt32(Int32.max), 0])
    #expect(!server.isOpen)
    try server.finish()
  }

  @Test("an error further down the channel is reported and closes it")
  func channelError() throws {
    let server = try EmbeddedServer()
    server.channel.pipeline.fireErrorCaught(ChannelError.inputClosed)
    #expect(!server.isOpen)
    #expect(server.observer.log == ["opened", "failed", "closed"])
    #expect(server.observer.failures.first as? ChannelError == .inputClosed)
    try server.finish()
  }

  @Test("a closed connection frees its handler, its session and its streams")
  func memory() throws {
    weak var handler: HTTP2ConnectionHandler?
    weak var session: HTTP2Session?
    weak var stream: HTTP2Stream?
    do {
      let server = try EmbeddedServer()
      server.observer.makeHandler = {
        self.answer($0)
        return StreamHandlerStub()
      }
      _ = try server.client.session.openStream(.request)
      _ = try server.client.session.openStream(.request)
      try server.channel.writeInbound(try server.client.takeOutput())
      handler = server.handler
      session = server.handler.session
      stream = server.handler.session.stream(3)
      #expect(handler != nil)
      try server.finish()
    }
    #expect(handler == nil)
    #expect(session == nil)
    #expect(stream == nil)
  }

  private func answer(_ stream: HTTP2Stream) {
    stream.sendHeaders(.response)
    stream.write { $0.writeString("answer") }
    stream.end(trailers: ["grpc-status": "0"])
  }
}
