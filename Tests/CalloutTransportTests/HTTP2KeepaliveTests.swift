// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import NIOEmbedded
import Testing

@Suite("HTTP/2 keepalive")
struct HTTP2KeepaliveTests {
  private static func limits(withoutStreams: Bool = false) -> HTTP2ConnectionHandler.Limits {
    var limits = HTTP2ConnectionHandler.Limits()
    limits.keepalive = .init(interval: .seconds(10), timeout: .seconds(20), withoutStreams: withoutStreams)
    return limits
  }

  @Test("a silent peer is asked at the interval, and its connection is closed at the timeout")
  func silent() throws {
    let client = try EmbeddedClient(limits: Self.limits())
    let handler = StreamHandlerStub()
    let stream = try client.open(handler)
    #expect(try client.kinds() == [.headers])
    client.advance(by: .milliseconds(9_999))
    #expect(try client.kinds() == [])
    client.advance(by: .milliseconds(1))
    #expect(try client.kinds() == [.ping])
    client.advance(by: .milliseconds(19_999))
    #expect(try client.kinds() == [])
    #expect(client.isOpen)

    client.advance(by: .milliseconds(1))
    #expect(!client.isOpen)
    #expect(client.observer.log == ["opened", "failed", "ending", "closed"])
    #expect("\(client.observer.failures[0])".contains("no answer to a keepalive PING within"))
    #expect(handler.closedWith == [.cancel])
    #expect(stream.isCutOff)
    try client.finish()
  }

  @Test("a peer that answers is asked again an interval later, however long it might have taken")
  func answering() throws {
    let client = try EmbeddedClient(limits: Self.limits())
    _ = try client.open()
    _ = try client.frames()
    for _ in 0..<100 {
      client.advance(by: .seconds(10))
      let ping = try #require(try client.frames().first)
      #expect(ping.kind == .ping)
      client.advance(by: .seconds(5))
      try client.receive(.ping(ping.payload, ack: true))
      client.advance(by: .milliseconds(9_999))
      #expect(try client.kinds() == [])
      client.advance(by: .milliseconds(1))
      #expect(try client.kinds() == [.ping])
      try client.receive(.ping(ping.payload, ack: true))
    }
    #expect(client.isOpen)
    try client.finish()
  }

  @Test("anything that it sends is an answer", arguments: [Frame.settings(), .windowUpdate(0, by: 1), .ping()])
  func otherAnswers(frame: Frame) throws {
    let client = try EmbeddedClient(limits: Self.limits())
    _ = try client.open()
    client.advance(by: .seconds(10))
    #expect(try client.kinds().contains(.ping))
    try client.receive(frame)
    client.advance(by: .milliseconds(9_999))
    #expect(client.isOpen)
    try client.finish()
  }

  @Test("a peer that sends is not asked, from its last byte on")
  func busy() throws {
    let client = try EmbeddedClient(limits: Self.limits())
    _ = try client.open()
    _ = try client.frames()
    for _ in 0..<100 {
      client.advance(by: .seconds(9))
      try client.receive(.windowUpdate(0, by: 1))
      #expect(try client.kinds() == [])
    }
    client.advance(by: .milliseconds(9_999))
    #expect(try client.kinds() == [])
    client.advance(by: .milliseconds(1))
    #expect(try client.kinds() == [.ping])
    try client.finish()
  }

  @Test("without streams nobody is asked, unless that is wished for", arguments: [false, true])
  func withoutStreams(withoutStreams: Bool) throws {
    let client = try EmbeddedClient(limits: Self.limits(withoutStreams: withoutStreams))
    client.advance(by: .seconds(10))
    #expect(try client.kinds() == (withoutStreams ? [.ping] : []))
    client.advance(by: .seconds(3_600))
    #expect(client.isOpen == !withoutStreams)
    try client.finish()
  }

  @Test("a stream that is opened after a long pause is asked for within the interval")
  func laterStream() throws {
    let client = try EmbeddedClient(limits: Self.limits())
    client.advance(by: .seconds(3_605))
    _ = try client.open()
    #expect(try client.kinds() == [.headers])
    client.advance(by: .seconds(5))
    #expect(try client.kinds() == [.ping])
    try client.finish()
  }

  @Test("a handshake that is not done yet is not disturbed")
  func beforeStart() throws {
    let observer = ConnectionObserverStub()
    let handler = HTTP2ConnectionHandler(
      session: HTTP2Session(role: .client), observer: observer, limits: Self.limits(withoutStreams: true))
    // A channel that is not connected.
    let channel = EmbeddedChannel(handler: handler)
    channel.embeddedEventLoop.advanceTime(by: .seconds(3_600))
    #expect(observer.log == [])
    #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test("a server can ask as well")
  func server() throws {
    let server = try EmbeddedServer(limits: Self.limits(withoutStreams: true))
    try server.exchange()
    server.advance(by: .seconds(10))
    #expect(try server.readOutbound().frames.map(\.kind) == [.ping])
    server.advance(by: .seconds(20))
    #expect(!server.isOpen)
    try server.finish()
  }
}
