// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("HTTP/2 session")
struct HTTP2SessionTests {
  @Test("a request and its answer arrive whole and in order")
  func exchange() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open([
      ":method": "POST", ":scheme": "http", ":path": "/a/b", ":authority": "test", "x": "1", "x": "2", "empty": "",
    ])
    request.write { $0.writeString("question") }
    request.end()
    try pair.exchange()
    #expect(
      pair.server.record(1).sections.first?.pairs == [
        ":method: POST", ":scheme: http", ":path: /a/b", ":authority: test", "x: 1", "x: 2", "empty: ",
      ])
    #expect(pair.server.record(1).data == ByteBuffer(string: "question"))
    #expect(pair.server.record(1).hasEnded)

    answer.sendHeaders([":status": "200", "y": "3"])
    answer.write { $0.writeString("answer") }
    answer.end(trailers: ["grpc-status": "0", "grpc-message": ""])
    try pair.exchange()
    #expect(
      pair.client.record(1).sections.map(\.pairs) == [[":status: 200", "y: 3"], ["grpc-status: 0", "grpc-message: "]])
    #expect(pair.client.record(1).data == ByteBuffer(string: "answer"))
    #expect(pair.client.log == ["headers 1", "data 1 6", "headers 1", "end 1", "closed 1 NO_ERROR"])
    #expect(pair.server.log == ["headers 1", "data 1 8", "end 1", "closed 1 NO_ERROR"])
    #expect(pair.client.session.streams.isEmpty)
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("an answer that is only headers ends the stream with them")
  func headersOnly() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders([":status": "404"], endStream: true)
    try pair.exchange()
    #expect(pair.client.log == ["headers 1", "end 1", "closed 1 NO_ERROR"])
  }

  @Test("an answer without trailers ends with its last data")
  func endWithoutTrailers() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders(.response)
    answer.write { $0.writeString("x") }
    answer.end()
    try pair.exchange()
    #expect(pair.client.log == ["headers 1", "data 1 1", "end 1", "closed 1 NO_ERROR"])
  }

  @Test("prepared fields arrive like others")
  func preparedFields() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders(PreparedFields([":status": "200", "a": "b", "a": ""]))
    answer.end(trailers: PreparedFields(["grpc-status": "0"]))
    try pair.exchange()
    #expect(pair.client.record(1).sections.map(\.pairs) == [[":status: 200", "a: b", "a: "], ["grpc-status: 0"]])
  }

  @Test("a message written in parts is sent as one")
  func parts() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders(.response)
    answer.write { $0.writeString("a") }
    answer.write { $0.writeString("b") }
    answer.write { _ in }
    #expect(answer.outboundBytes == 2)
    try pair.exchange()
    #expect(pair.client.log == ["headers 1", "data 1 2"])
    #expect(answer.outboundBytes == 0)
  }

  @Test("what is written after the end is not sent")
  func writeAfterEnd() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    request.write { $0.writeString("late") }
    answer.sendHeaders(.response)
    answer.end(trailers: ["first": "1"])
    answer.write { $0.writeString("late") }
    answer.end(trailers: ["second": "2"])
    try pair.exchange()
    #expect(pair.server.record(1).data.readableBytes == 0)
    #expect(pair.client.record(1).data.readableBytes == 0)
    #expect(pair.client.record(1).sections.last?.pairs == ["first: 1"])
  }

  @Test("many streams at once keep apart")
  func multiplexing() throws {
    let pair = try SessionPair()
    let requests = try (0..<100).map { _ in try pair.client.session.openStream(.request) }
    for request in requests {
      request.write { $0.writeString("request \(request.id)") }
      request.end()
    }
    try pair.exchange()
    for stream in pair.server.session.streams {
      stream.sendHeaders(.response)
      stream.write { $0.writeString("answer \(stream.id)") }
      stream.end()
    }
    try pair.exchange()
    for request in requests {
      #expect(pair.server.record(request.id).data == ByteBuffer(string: "request \(request.id)"))
      #expect(pair.client.record(request.id).data == ByteBuffer(string: "answer \(request.id)"))
    }
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("data arrives whole wherever the bytes of a connection are split")
  func splitBytes() throws {
    let client = SessionPeer(.client)
    let stream = try client.session.openStream(.request)
    stream.write { $0.writeString("question") }
    stream.end()
    var bytes = try client.takeOutput()
    let server = SessionPeer(.server)
    while let byte = bytes.readSlice(length: 1) { try server.receive(byte) }
    #expect(server.record(1).data == ByteBuffer(string: "question"))
    #expect(server.record(1).sections.first?.pairs == HeaderFields.request.pairs)
    #expect(server.record(1).hasEnded)
  }

  @Test("after a whole answer to a request not yet ended, the client is asked to stop with NO_ERROR")
  func earlyAnswer() throws {
    let server = try RawServer()
    try server.send(.headers(1))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    stream.end(trailers: ["grpc-status": "0"])
    let frames = try server.peer.takeOutput().frames
    let end = try #require(frames.firstIndex { $0.endsStream })
    #expect(frames[(end + 1)...] == [.reset(1, 0)])
    #expect(server.peer.record(1).closedWith == .noError)
  }

  @Test("after a whole answer to a request that has ended, nothing follows")
  func lateAnswer() throws {
    let server = try RawServer()
    try server.send(.headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    stream.end()
    let frames = try server.peer.takeOutput().frames
    #expect(frames.last?.endsStream == true)
    #expect(frames.allSatisfy { $0.kind != .reset })
  }

  @Test("a client's reset reaches the server with its code, and closes the stream")
  func clientReset() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.reset(.cancel)
    try pair.exchange()
    #expect(pair.server.log == ["headers 1", "closed 1 CANCEL"])
    #expect(answer.isClosed)
    answer.sendHeaders(.response)
    answer.write { $0.writeString("late") }
    answer.end()
    answer.reset(.cancel)
    try pair.exchange()
    #expect(pair.client.log == ["closed 1 CANCEL"])
  }

  @Test("a server's reset reaches the client with its code")
  func serverReset() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    answer.reset(.internalError)
    try pair.exchange()
    #expect(pair.client.log == ["closed 1 INTERNAL_ERROR"])
    #expect(request.isClosed)
  }

  @Test("when the connection is gone every stream is closed once")
  func connectionClosed() throws {
    let pair = try SessionPair()
    for _ in 0..<3 { _ = try pair.client.session.openStream(.request) }
    try pair.exchange()
    pair.server.connectionClosed()
    pair.server.connectionClosed()
    #expect(Set(pair.server.log.suffix(3)) == ["closed 1 CANCEL", "closed 3 CANCEL", "closed 5 CANCEL"])
    #expect(pair.server.log.count == 6)
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("closed streams and what they held are freed")
  func memory() throws {
    let pair = try SessionPair()
    weak var finished: HTTP2Stream?
    weak var reset: HTTP2Stream?
    weak var handler: StreamHandlerStub?
    do {
      let first = try pair.open()
      let second = try pair.open()
      finished = first.server
      reset = second.server
      let stub = StreamHandlerStub()
      handler = stub
      first.server.handler = stub
      first.client.write { $0.writeString("x") }
      first.client.end()
      first.server.sendHeaders(.response)
      first.server.write { $0.writeBytes([UInt8](repeating: 0, count: 100_000)) }
      first.server.end(trailers: ["a": "b"])
      second.server.sendHeaders(.response)
      second.server.write { $0.writeString("x") }
      second.client.reset(.cancel)
    }
    #expect(finished != nil)
    #expect(reset != nil)
    #expect(handler != nil)
    try pair.exchange()
    #expect(finished == nil)
    #expect(reset == nil)
    #expect(handler == nil)
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("a session is freed once its connection is closed, with streams open")
  func sessionMemory() throws {
    weak var session: HTTP2Session?
    do {
      let pair = try SessionPair()
      let (_, answer) = try pair.open()
      answer.sendHeaders(.response)
      answer.write { $0.writeString("x") }
      session = pair.server.session
    }
    #expect(session == nil)
  }

  @Test("a header section too large to be sent ends its stream instead of leaving the client without an answer")
  func unsendableAnswer() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders([":status": "200", "huge": String(repeating: "x", count: 100_000)], endStream: true)
    try pair.exchange()
    #expect(pair.client.log == ["closed 1 INTERNAL_ERROR"])
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("trailers too large to be sent end their stream")
  func unsendableTrailers() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders(.response)
    answer.end(trailers: ["huge": String(repeating: "x", count: 100_000)])
    try pair.exchange()
    #expect(pair.client.record(1).closedWith == .internalError)
    #expect(pair.server.session.streams.isEmpty)
  }

  @Test("a request too large to be sent is closed at the client")
  func unsendableRequest() throws {
    let pair = try SessionPair()
    var fields = HeaderFields.request
    fields.append("huge", String(repeating: "x", count: 100_000))
    _ = try pair.client.session.openStream(fields)
    try pair.exchange()
    #expect(pair.client.log.count == 1)
    #expect(pair.client.record(1).closedWith != nil)
    #expect(pair.client.session.streams.isEmpty)
    let (request, _) = try pair.open()
    #expect(!request.isClosed)
  }
}
