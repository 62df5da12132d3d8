// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("HTTP/2 shutdown")
struct HTTP2SessionShutdownTests {
  @Test("a shutdown is announced for every stream there could be, with a PING that times the second step")
  func announcement() throws {
    let server = try RawServer()
    server.peer.session.announceShutdown()
    let frames = try server.peer.takeOutput().frames
    #expect(frames.map(\.kind) == [.ping, .goAway] || frames.map(\.kind) == [.goAway, .ping])
    let goAway = try #require(frames.first { $0.kind == .goAway })
    #expect(goAway.number == UInt32(Int32.max))
    #expect(goAway.errorCode == 0)

    // A stream that crossed on the way is still served.
    try server.send(.headers(1, endStream: true))
    #expect(server.peer.log == ["headers 1", "end 1"])
    let ping = try #require(frames.first { $0.kind == .ping })
    try server.send(.ping(ping.payload, ack: true))
    #expect(server.peer.log.last == "pingAcknowledged")
  }

  @Test("after the second GOAWAY new streams are ignored and old ones finish")
  func refusal() throws {
    let server = try RawServer()
    try server.send(.headers(1, endStream: true))
    server.peer.session.announceShutdown()
    server.peer.session.refuseNewStreams()
    let goAways = try server.peer.takeOutput().frames.filter { $0.kind == .goAway }
    #expect(goAways.map(\.number) == [UInt32(Int32.max), 1])
    #expect(goAways.allSatisfy { $0.errorCode == 0 })

    #expect(try server.send(.headers(3, endStream: true)).isEmpty)
    #expect(server.peer.log == ["headers 1", "end 1"])
    #expect(!server.peer.session.isFinished)

    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response, endStream: true)
    #expect(try server.peer.takeOutput().frames.last?.endsStream == true)
    #expect(server.peer.session.isFinished)
    #expect(server.peer.log.allSatisfy { !$0.hasPrefix("terminated") })
  }

  @Test("a client learns of both steps, and of the streams that will not be served")
  func client() throws {
    let pair = try SessionPair()
    let (_, answer) = try pair.open()
    pair.server.session.announceShutdown()
    try pair.exchange()
    pair.server.session.refuseNewStreams()
    try pair.exchange()
    #expect(pair.client.log == ["goAway NO_ERROR 2147483647", "goAway NO_ERROR 1"])
    answer.sendHeaders(.response, endStream: true)
    try pair.exchange()
    #expect(pair.client.record(1).closedWith == .noError)
    #expect(pair.client.session.isFinished)
  }

  @Test("streams above the last one served are closed with REFUSED_STREAM")
  func streamsNotServed() throws {
    let pair = try SessionPair()
    pair.server.session.refuseNewStreams()
    let goAway = try pair.server.takeOutput()
    _ = try pair.client.session.openStream(.request)
    _ = try pair.client.takeOutput()
    try pair.client.receive(goAway)
    #expect(
      pair.client.log == ["closed 1 REFUSED_STREAM", "goAway NO_ERROR 0"]
        || pair.client.log == ["goAway NO_ERROR 0", "closed 1 REFUSED_STREAM"])
  }

  @Test("a stream opened after the peer's GOAWAY is closed, not forgotten")
  func openAfterGoAway() throws {
    let pair = try SessionPair()
    pair.server.session.refuseNewStreams()
    try pair.exchange()
    _ = try pair.client.session.openStream(.request)
    try pair.exchange()
    #expect(pair.client.session.streams.isEmpty)
    #expect(pair.client.log.last?.hasPrefix("closed 1 ") == true)
  }

  @Test("termination sends GOAWAY with its code once, and then there is nothing more to do")
  func termination() throws {
    let server = try RawServer()
    try server.send(.headers(1))
    server.peer.session.terminate(.enhanceYourCalm)
    server.peer.session.terminate(.protocolError)
    let frames = try server.peer.takeOutput().frames
    #expect(frames.map(\.kind) == [.goAway])
    #expect(frames[0].errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue)
    #expect(server.peer.log == ["headers 1", "terminated ENHANCE_YOUR_CALM"])
    #expect(server.peer.session.isFinished)
    #expect(try server.send(.headers(3), .ping()).isEmpty)
  }

  @Test("a client's GOAWAY is reported, and its streams still finish")
  func goAwayFromClient() throws {
    let server = try RawServer()
    try server.send(.headers(1, endStream: true), .goAway(lastStream: 0, code: 0))
    #expect(server.peer.log == ["headers 1", "end 1", "goAway NO_ERROR 0"])
    #expect(!server.peer.session.isFinished)
    server.peer.session.stream(1)!.sendHeaders(.response, endStream: true)
    #expect(try server.peer.takeOutput().frames.last?.endsStream == true)
    #expect(server.peer.session.isFinished)
  }

  @Test("a GOAWAY or a reset with a code of nobody's is tolerated")
  func unknownCodes() throws {
    let server = try RawServer()
    try server.send(.headers(1), .reset(1, 0xABCD_EF01), .headers(3), .goAway(lastStream: 0, code: 0xABCD_EF01))
    #expect(
      server.peer.log == [
        "headers 1", "closed 1 error code 2882400001", "headers 3", "goAway error code 2882400001 0",
      ])
  }
}
