// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("HTTP/2 protocol errors")
struct HTTP2SessionProtocolTests {
  @Test("the preface and SETTINGS make a connection, whose SETTINGS are acknowledged and ours sent")
  func greeting() throws {
    let server = try RawServer(greeted: false)
    #expect(!server.peer.session.isEstablished)
    try server.peer.receive(Frame.preface)
    #expect(!server.peer.session.isEstablished)
    let frames = try server.send(.settings((0x77, 1)))
    #expect(server.peer.session.isEstablished)
    #expect(frames.contains(.settingsAck))
    let settings = try #require(frames.first { $0.kind == .settings && $0.flags == 0 })
    #expect(settings == .settings((4, 512 * 1_024), (6, 32 * 1_024), (3, 1_000)))
    #expect(frames.first == settings)
    #expect(frames.contains(.windowUpdate(0, by: 16 * 1_024 * 1_024 - 65_535)))
  }

  @Test("a preface that is not HTTP/2's is an error", arguments: ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.0\r\n\r\n"])
  func brokenPreface(text: String) throws {
    let server = try RawServer(greeted: false)
    let error = #expect(throws: HTTP2Error.self) { try server.peer.receive(ByteBuffer(string: text)) }
    #expect(error?.code == .protocolError)
    #expect(error?.initiator == .remote)
  }

  @Test("a PING is answered with its payload")
  func ping() throws {
    let server = try RawServer()
    #expect(try server.send(.ping([8, 7, 6, 5, 4, 3, 2, 1])) == [.ping([8, 7, 6, 5, 4, 3, 2, 1], ack: true)])
  }

  @Test("frames, flags and settings of nobody's are ignored")
  func unknown() throws {
    let server = try RawServer()
    var request = Frame.headers(1, endStream: true)
    request.flags |= 0x82
    let frames = try server.send(
      Frame(type: 0x16, flags: 0xFF, stream: 0, payload: [1, 2, 3]), .settings((0x99, 5)), request)
    #expect(frames == [.settingsAck])
    #expect(server.peer.log == ["headers 1", "end 1"])
  }

  @Test("a frame of the largest size allowed is taken, padding included")
  func largestFrame() throws {
    let server = try RawServer()
    var padded = Frame.data(1, [4] + [UInt8](repeating: 1, count: 16_379) + [0, 0, 0, 0])
    padded.flags |= Frame.paddedFlag
    try server.send(.headers(1), .data(1, [UInt8](repeating: 1, count: 16_384)), padded)
    #expect(server.peer.record(1).data == ByteBuffer(repeating: 1, count: 16_384 + 16_379))
  }

  @Test("what breaks the rules of a connection ends it with the code that the RFC gives", arguments: Violation.all)
  func connectionErrors(violation: Violation) throws {
    let server = try RawServer()
    let frames = try server.send(violation.frames)
    let goAway = try #require(frames.first { $0.kind == .goAway })
    #expect(goAway.errorCode == violation.code.rawValue)
    #expect(server.peer.log.last == "terminated \(violation.code)")
    #expect(server.peer.session.isFinished)
  }

  struct Violation: CustomTestStringConvertible {
    var name: String
    var code: HTTP2ErrorCode
    var frames: [Frame]
    var testDescription: String { name }

    private init(_ name: String, _ code: HTTP2ErrorCode, _ frames: Frame...) {
      (self.name, self.code, self.frames) = (name, code, frames)
    }

    private static let blockWithBadIndex: [UInt8] = [0x80]
    private static let blockWithUnknownIndex: [UInt8] = [0xBE]
    private static let blockWithLargeTable: [UInt8] = [0x3F, 0xE2, 0x1F]

    static let all = [
      Violation("DATA over 2^14 bytes", .frameSizeError, .headers(1), .data(1, [UInt8](repeating: 0, count: 16_385))),
      Violation("HEADERS over 2^14 bytes", .frameSizeError, .headers(1, [UInt8](repeating: 0, count: 16_385))),
      Violation("SETTINGS of 5 bytes", .frameSizeError, Frame(type: 4, payload: [0, 0, 0, 0, 0])),
      Violation("SETTINGS ACK with a payload", .frameSizeError, Frame(type: 4, flags: 1, payload: [0, 4, 0, 0, 0, 1])),
      Violation("PING of 7 bytes", .frameSizeError, .ping([1, 2, 3, 4, 5, 6, 7])),
      Violation("WINDOW_UPDATE of 3 bytes", .frameSizeError, Frame(type: 8, payload: [0, 0, 1])),
      Violation("RST_STREAM of 3 bytes", .frameSizeError, .headers(1), Frame(type: 3, stream: 1, payload: [0, 0, 8])),
      Violation("PRIORITY of 4 bytes", .frameSizeError, .headers(1), Frame(type: 2, stream: 1, payload: [0, 0, 0, 0])),
      Violation("ENABLE_PUSH of 2", .protocolError, .settings((2, 2))),
      Violation("an initial window over 2^31-1", .flowControlError, .settings((4, 0x8000_0000))),
      Violation("a maximum frame size too small", .protocolError, .settings((5, 16_383))),
      Violation("a maximum frame size too large", .protocolError, .settings((5, 16_777_216))),
      Violation("SETTINGS on a stream", .protocolError, Frame(type: 4, stream: 1)),
      Violation("PING on a stream", .protocolError, Frame(type: 6, stream: 1, payload: [1, 2, 3, 4, 5, 6, 7, 8])),
      Violation(
        "GOAWAY on a stream", .protocolError, Frame(type: 7, stream: 1, payload: [0, 0, 0, 0, 0, 0, 0, 0])),
      Violation("DATA on stream 0", .protocolError, .data(0, [1])),
      Violation("HEADERS on stream 0", .protocolError, .headers(0)),
      Violation("RST_STREAM on stream 0", .protocolError, .reset(0, 8)),
      Violation("PRIORITY on stream 0", .protocolError, .priority(0, dependsOn: 1)),
      Violation("CONTINUATION on stream 0", .protocolError, .continuation(0, [], endHeaders: true)),
      Violation("a stream of the server's", .protocolError, .headers(2)),
      Violation("DATA on an idle stream", .protocolError, .data(1, [1])),
      Violation("RST_STREAM on an idle stream", .protocolError, .reset(1, 8)),
      Violation("WINDOW_UPDATE on an idle stream", .protocolError, .windowUpdate(1, by: 1)),
      Violation("CONTINUATION out of nowhere", .protocolError, .headers(1), .continuation(1, [], endHeaders: true)),
      Violation("DATA within a header block", .protocolError, .headers(1, endHeaders: false), .data(1, [1])),
      Violation(
        "another stream within a header block", .protocolError, .headers(1, endHeaders: false),
        .continuation(3, [], endHeaders: true)),
      Violation(
        "a promise from a client", .protocolError, .headers(1),
        Frame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2])),
      Violation(
        "more padding than payload", .protocolError, .headers(1), Frame(type: 0, flags: 8, stream: 1, payload: [9, 1])),
      Violation("a window of the connection over 2^31-1", .flowControlError, .windowUpdate(0, by: 0x7FFF_FFFF)),
      Violation("no increment of the connection's window", .protocolError, .windowUpdate(0, by: 0)),
      Violation("a header with index 0", .compressionError, .headers(1, blockWithBadIndex)),
      Violation("a header not in the table", .compressionError, .headers(1, blockWithUnknownIndex)),
      Violation("a table larger than allowed", .compressionError, .headers(1, blockWithLargeTable)),
      Violation("a header block cut short", .compressionError, .headers(1, [0x40, 0x0A, 0x61])),
      Violation("HEADERS after END_STREAM", .streamClosed, .headers(1, endStream: true), .headers(1, endStream: true)),
      Violation("DATA after END_STREAM", .streamClosed, .headers(1, endStream: true), .data(1, [1])),
    ]
  }

  @Test("headers of a stream below the last opened are ignored, as those of a stream long closed")
  func olderStream() throws {
    let server = try RawServer()
    #expect(try server.send(.headers(5), .headers(3), .headers(7)).isEmpty)
    #expect(server.peer.log == ["headers 5", "headers 7"])
  }

  @Test("a malformed request is reset with PROTOCOL_ERROR, never shown, and others go on", arguments: Malformation.all)
  func malformed(malformation: Malformation) throws {
    let server = try RawServer()
    let frames = try server.send(.headers(1, malformation.block, endStream: true))
    #expect(frames == [.reset(1, HTTP2ErrorCode.protocolError.rawValue)])
    #expect(server.peer.log.isEmpty)
    #expect(server.peer.session.streams.isEmpty)
    try server.send(.headers(3, endStream: true))
    #expect(server.peer.log == ["headers 3", "end 3"])
  }

  struct Malformation: CustomTestStringConvertible {
    var testDescription: String
    var block: [UInt8]

    private init(_ name: String, _ fields: [(String, String)]) {
      testDescription = name
      block = HPACK.block(fields)
    }

    private static let method = (":method", "POST")
    private static let scheme = (":scheme", "http")
    private static let path = (":path", "/a/b")

    static let all = [
      Malformation("no :method", [scheme, path]),
      Malformation("no :scheme", [method, path]),
      Malformation("no :path", [method, scheme]),
      Malformation("an empty :path", [method, scheme, (":path", "")]),
      Malformation("two :method", [method, method, scheme, path]),
      Malformation("two :path", [method, scheme, path, path]),
      Malformation("an unknown pseudo-header", [method, scheme, path, (":x", "y")]),
      Malformation("a response's pseudo-header", [method, scheme, path, (":status", "200")]),
      Malformation("a pseudo-header after a field", [method, scheme, ("a", "b"), path]),
      Malformation("an upper-case name", [method, scheme, path, ("Aa", "b")]),
      Malformation("an empty name", [method, scheme, path, ("", "b")]),
      Malformation("a connection field", [method, scheme, path, ("connection", "keep-alive")]),
      Malformation("te other than trailers", [method, scheme, path, ("te", "gzip")]),
      Malformation("a line break in a value", [method, scheme, path, ("a", "b\r\nc: d")]),
      Malformation("a NUL in a value", [method, scheme, path, ("a", "b\0c")]),
    ]
  }

  @Test("pseudo-headers in trailers, and trailers without END_STREAM, reset the stream", arguments: [true, false])
  func malformedTrailers(endStream: Bool) throws {
    let server = try RawServer()
    let block = HPACK.block([endStream ? (":path", "/") : ("a", "b")])
    let frames = try server.send(.headers(1), .headers(1, block, endStream: endStream))
    #expect(frames == [.reset(1, HTTP2ErrorCode.protocolError.rawValue)])
    #expect(server.peer.log == ["headers 1", "closed 1 PROTOCOL_ERROR"])
  }

  @Test("a header list of just the limit is taken, one byte more resets its stream with ENHANCE_YOUR_CALM")
  func headerListLimit() throws {
    var configuration = HTTP2Configuration()
    configuration.maxHeaderListSize = 1_000
    let server = try RawServer(configuration)
    let room = 1_000 - HeaderFields.request.listSize - 1 - 32
    let block = { (count: Int) in HPACK.request + HPACK.block([("a", String(repeating: "a", count: count))]) }
    #expect(try server.send(.headers(1, block(room))).isEmpty)
    #expect(server.peer.log == ["headers 1"])
    #expect(try server.send(.headers(3, block(room + 1))) == [.reset(3, HTTP2ErrorCode.enhanceYourCalm.rawValue)])
    #expect(server.peer.log == ["headers 1"])
    #expect(try server.send(.headers(5, block(room))).isEmpty)
    #expect(server.peer.log == ["headers 1", "headers 5"])
  }

  @Test("header sections are what was sent, the same as before or not, though memory is given back in their midst")
  func sections() throws {
    let server = try RawServer()
    let long = ("a", String(repeating: "x", count: 3_000))
    let more = [[("b", "c")], [("b", "c")], [long], [long], [("b", "d")], [], [("b", "c")]]
    for (index, more) in more.enumerated() {
      let id = Int32(2 * index + 1)
      #expect(try server.send(.headers(id, endHeaders: false)).isEmpty)
      server.peer.session.trimMemory()
      #expect(try server.send(.continuation(id, HPACK.block(more), endHeaders: true)).isEmpty)
      let expected = HeaderFields.request.pairs + more.map { "\($0.0): \($0.1)" }
      #expect(server.peer.record(id).sections.map(\.pairs) == [expected])
      server.peer.session.trimMemory()
    }
  }

  @Test("fields count by their decoded size, however small they were sent")
  func headerBomb() throws {
    let server = try RawServer()
    // One field of 4,000 bytes enters the table, and then each byte refers to it again.
    let value = HPACK.block([("a", String(repeating: "x", count: 4_000))])
    let bomb = [0x40] + value.dropFirst() + [UInt8](repeating: 0xBE, count: 4_000)
    let frames = try server.send(.headers(1, HPACK.request + bomb))
    #expect(frames == [.reset(1, HTTP2ErrorCode.enhanceYourCalm.rawValue)])
    #expect(server.peer.log.isEmpty)
  }

  @Test("a header section without end is ended by a limit of frames, empty ones included", arguments: [0, 100])
  func continuationFlood(size: Int) throws {
    let server = try RawServer()
    let field = size == 0 ? [] : HPACK.block([("a", String(repeating: "a", count: size))])
    try server.send(.headers(1, endHeaders: false))
    var count = 0
    while !server.peer.session.isFinished, count < 1_000 {
      count += 1
      do { try server.send(.continuation(1, field)) } catch { break }
    }
    #expect(count <= 16)
    #expect(server.peer.log.allSatisfy { $0.hasPrefix("terminated") })
  }

  @Test("frames that ask for an answer, none of which is read, become an error", arguments: [true, false])
  func answerFlood(pings: Bool) throws {
    let server = SessionPeer(.server)
    try server.receive(Frame.preface)
    try server.receive(ByteBuffer(frames: [.settings(), .settingsAck]))
    let flood = ByteBuffer(frames: (0..<100).map { _ in pings ? .ping() : .settings((3, 1)) })
    let error = #expect(throws: HTTP2Error.self) {
      for _ in 0..<1_000 { try server.receive(flood) }
    }
    #expect(error?.code == .enhanceYourCalm)
    #expect(error?.initiator == .remote)
  }

  @Test("padding is not handed on, and its credit comes back")
  func padding() throws {
    let server = try RawServer()
    try server.send(.headers(1))
    // 1,000 frames of one byte and 255 of padding, twice what the stream's window holds of them.
    var frame = Frame.data(1, [254] + [7] + [UInt8](repeating: 0, count: 254))
    frame.flags |= Frame.paddedFlag
    for _ in 0..<4_000 { try server.send(frame) }
    #expect(server.peer.record(1).data.readableBytes == 4_000)
    #expect(server.peer.log.allSatisfy { !$0.hasPrefix("terminated") })
  }
}
