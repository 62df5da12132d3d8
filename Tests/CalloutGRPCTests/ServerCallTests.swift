// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("the server's side of a call", .timeLimit(.minutes(1)))
struct ServerCallTests {
  @Test("an answer is headers, messages and trailers")
  func answer() async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(RawClient.fields(), ByteBuffer(framing: "a", "", "c"))
      #expect(
        response.sections == [
          [":status: 200", "content-type: application/grpc"],
          ["grpc-status: 0"],
        ])
      #expect(try response.messages.map { String(buffer: $0.payload) } == ["a", "", "c"])
      #expect(try response.messages.allSatisfy { !$0.compressed })
      #expect(response.code == .noError)
    }
  }

  @Test("a hundred messages in one piece are answered one by one")
  func manyMessages() async throws {
    var body = ByteBuffer()
    for number in 0..<100 { body.writeGRPCMessage { $0.writeString("\(number)") } }
    try await TestServer.run { [body] server in
      let response = try await server.connectRaw().request(RawClient.fields(), body)
      #expect(try response.messages.map { String(buffer: $0.payload) } == (0..<100).map(String.init))
    }
  }

  @Test("a refusal is one header section, and asks a client that is still sending to stop", arguments: [true, false])
  func trailersOnly(endStream: Bool) async throws {
    try await TestServer.run { server in
      let client = try await server.connectRaw()
      let response = try await client.request(RawClient.fields("/test.Service/None"), endStream: endStream)
      #expect(response.sections.count == 1)
      #expect(response.value(":status") == "200")
      #expect(response.value("content-type") == "application/grpc")
      #expect(response.status?.code == .unimplemented)
      #expect(response.code == .noError)
      #expect(try await client.request(RawClient.fields(), ByteBuffer(framing: "x")).status == .ok)
    }
  }

  @Test(
    "an unknown method, service or path is UNIMPLEMENTED",
    arguments: [
      "/test.Service/Unknown", "/test.Other/Echo", "/", "/test.Service", "/test.Service/Echo/", "/x?y", "/%2F\u{E9}",
    ])
  func unknownPath(path: String) async throws {
    try await TestServer.run { server in
      let client = try await server.connectRaw()
      #expect(try await client.request(RawClient.fields(path)).status?.code == .unimplemented)
      #expect(try await client.request(RawClient.fields(), ByteBuffer(framing: "x")).status == .ok)
      #expect(try await client.request(RawClient.fields(path)).status?.code == .unimplemented)
    }
  }

  @Test("headers that were the same for some calls are read anew once they are not")
  func changingHeaders() async throws {
    func fields(_ name: String, _ value: String) -> HeaderFields {
      var fields = RawClient.fields()
      fields.append(name, value)
      return fields
    }
    let twice = GRPCMethod("Twice") { (requests, responses, _) in
      for try await message in requests {
        try await responses.send(message)
        try await responses.send(message)
      }
    }
    let cases: [(HeaderFields, status: String, grpc: GRPCStatus.Code?, answers: Int)] = [
      (RawClient.fields(), "200", .ok, 1),
      (fields("grpc-timeout", "1H"), "200", .ok, 1),
      (fields("grpc-timeout", "1X"), "200", .internal, 0),
      (RawClient.fields("/test.Service/Twice"), "200", .ok, 2),
      (fields("grpc-encoding", "snappy"), "200", .unimplemented, 0),
      (RawClient.fields("/test.Service/None"), "200", .unimplemented, 0),
      (fields("x-long", String(repeating: "x", count: 2_000)), "200", .ok, 1),
      ([":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test"], "405", nil, 0),
    ]
    try await TestServer.run([.echo, twice]) { server in
      let client = try await server.connectRaw()
      for (fields, status, grpc, answers) in cases + cases.reversed() {
        for _ in 1...3 {
          let response = try await client.request(fields, ByteBuffer(framing: "x"))
          #expect(response.value(":status") == status)
          #expect(response.status?.code == grpc)
          #expect(try response.messages.count == answers)
        }
      }
    }
  }

  @Test("a request with another method is answered 405", arguments: ["GET", "PUT", "post", "OPTIONS"])
  func otherMethod(method: String) async throws {
    let fields: HeaderFields = [":method": method, ":scheme": "http", ":path": "/", ":authority": "test"]
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(fields)
      #expect(response.sections == [[":status: 405", "allow: POST"]])
    }
  }

  @Test(
    "a content-type that is gRPC's is taken",
    arguments: [
      "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "application/grpc+proto;x=y",
    ])
  func contentTypes(type: String) async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(fields(contentType: type))
      #expect(response.status == .ok)
    }
  }

  @Test(
    "any other content-type, or none, is answered 415",
    arguments: [
      "application/json", "application/grpc+json", "application/grpc-web", "application/grpcx", "", nil,
    ])
  func otherContentTypes(type: String?) async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(fields(contentType: type))
      #expect(response.sections == [[":status: 415", "accept: application/grpc"]])
    }
  }

  private func fields(contentType: String?) -> HeaderFields {
    var fields: HeaderFields = [":method": "POST", ":scheme": "http", ":path": echoPath, ":authority": "test"]
    if let contentType { fields.append("content-type", contentType) }
    return fields
  }

  @Test("a grpc-encoding not known is UNIMPLEMENTED, and the answer says which are")
  func unknownEncoding() async throws {
    try await TestServer.run { server in
      let client = try await server.connectRaw()
      let response = try await client.request(RawClient.fields(echoPath, ["grpc-encoding": "br"]))
      #expect(response.status?.code == .unimplemented)
      #expect(response.value("grpc-accept-encoding") == "identity,gzip")
    }
  }

  @Test("a client that compresses is answered compressed")
  func compressedAnswer() async throws {
    let message = try Gzip.compress(ByteBuffer(string: "squeeze"))
    var body = ByteBuffer()
    body.writeGRPCMessage(compressed: true) { $0.writeImmutableBuffer(message) }
    body.writeGRPCMessage { $0.writeString("plain") }
    try await TestServer.run { [body] server in
      let fields = RawClient.fields(echoPath, ["grpc-encoding": "gzip", "grpc-accept-encoding": "identity,gzip"])
      let response = try await server.connectRaw().request(fields, body)
      #expect(response.value("grpc-encoding") == "gzip")
      let messages = try response.messages
      #expect(messages.map(\.compressed) == [true, true])
      let texts = try messages.map { String(buffer: try Gzip.decompress($0.payload, maxLength: 100)) }
      #expect(texts == ["squeeze", "plain"])
    }
  }

  @Test("a client that compresses and says that it cannot decompress is answered uncompressed")
  func oneWayCompression() async throws {
    let message = try Gzip.compress(ByteBuffer(string: "squeeze"))
    var body = ByteBuffer()
    body.writeGRPCMessage(compressed: true) { $0.writeImmutableBuffer(message) }
    try await TestServer.run { [body] server in
      let fields = RawClient.fields(echoPath, ["grpc-encoding": "gzip", "grpc-accept-encoding": "identity,deflate"])
      let response = try await server.connectRaw().request(fields, body)
      #expect(response.value("grpc-encoding") == nil)
      let messages = try response.messages
      #expect(messages.map(\.compressed) == [false])
      #expect(messages.map { String(buffer: $0.payload) } == ["squeeze"])
    }
  }

  @Test("a compressed message without grpc-encoding is INTERNAL", arguments: [nil, "identity"])
  func compressedWithoutEncoding(encoding: String?) async throws {
    try await TestServer.run { server in
      let fields = encoding.map { RawClient.fields(echoPath, ["grpc-encoding": $0]) } ?? RawClient.fields()
      let response = try await server.connectRaw().request(fields, ByteBuffer(framing: "x", compressed: true))
      #expect(response.status?.code == .internal)
    }
  }

  @Test("a message said to be compressed that is not is INTERNAL")
  func brokenCompression() async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw()
        .request(RawClient.fields(echoPath, ["grpc-encoding": "gzip"]), ByteBuffer(framing: "x", compressed: true))
      #expect(response.status?.code == .internal)
    }
  }

  @Test("a message of just the limit is taken, compressed or not")
  func messageAtLimit() async throws {
    let text = String(repeating: "x", count: 1_000)
    try await TestServer.run(configuration: limited(to: 1_000)) { server in
      let channel = try await server.connect()
      #expect(try await channel.ask(echoPath, text) == text)
      #expect(try await channel.ask(echoPath, text, compressed: true) == text)
    }
  }

  @Test("a message over the limit is RESOURCE_EXHAUSTED as soon as its length is known", arguments: [0, 1, 5])
  func messageOverLimit(before: Int) async throws {
    try await TestServer.run(configuration: limited(to: 1_000)) { server in
      var body = ByteBuffer()
      for _ in 0..<before { body.writeGRPCMessage { $0.writeString("x") } }
      // The length alone, of a message that never comes.
      body.writeBytes([0, 0, 0, 0x03, 0xE9])
      let response = try await server.connectRaw().request(RawClient.fields(), body, endStream: false)
      #expect(response.status?.code == .resourceExhausted)
      #expect(response.code == .noError)
    }
  }

  @Test("a message that decompresses to more than the limit is RESOURCE_EXHAUSTED")
  func bomb() async throws {
    try await TestServer.run(configuration: limited(to: 1_000)) { server in
      let channel = try await server.connect()
      let failure = await #expect(throws: GRPCStatus.self) {
        try await channel.ask(echoPath, String(repeating: "x", count: 1_001), compressed: true)
      }
      #expect(failure?.code == .resourceExhausted)
    }
  }

  private func limited(to length: Int) -> GRPCServer.Configuration {
    var configuration = GRPCServer.Configuration()
    configuration.maxMessageLength = length
    return configuration
  }

  @Test("a request that ends within a message is INTERNAL", arguments: [[0], [0, 0, 0, 0, 10], [0, 0, 0, 0, 2, 1]])
  func truncated(bytes: [UInt8]) async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(RawClient.fields(), ByteBuffer(bytes: bytes))
      #expect(response.status?.code == .internal)
    }
  }

  @Test("a compressed flag of nobody's is INTERNAL")
  func unknownFlag() async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(RawClient.fields(), ByteBuffer(bytes: [2, 0, 0, 0, 0]))
      #expect(response.status?.code == .internal)
    }
  }

  @Test("a grpc-timeout that is none is INTERNAL", arguments: ["", "1", "S", "-1S", "1s", "123456789S", "1.5S", "1S "])
  func malformedTimeout(timeout: String) async throws {
    try await TestServer.run { server in
      let response = try await server.connectRaw().request(RawClient.fields(echoPath, ["grpc-timeout": timeout]))
      // HTTP/2 itself takes no field with a space at its end.
      #expect(response.status?.code == .internal || response.code == .protocolError)
    }
  }

  @Test("the server keeps the deadline by itself: DEADLINE_EXCEEDED, and the handler is cancelled")
  func deadline() async throws {
    let events = Events<String>()
    try await TestServer.run([.sleeping(events)]) { server in
      let fields = RawClient.fields("/test.Service/Sleep", ["grpc-timeout": "50m"])
      let response = try await server.connectRaw().request(fields, endStream: false)
      #expect(response.status?.code == .deadlineExceeded)
      #expect(await events.next() == "started")
      #expect(await events.next() == "cancelled")
    }
  }

  @Test("the longest timeout that can be written is taken")
  func longestTimeout() async throws {
    try await TestServer.run { server in
      let fields = RawClient.fields(echoPath, ["grpc-timeout": "99999999H"])
      let response = try await server.connectRaw().request(fields, ByteBuffer(framing: "x"))
      #expect(response.status == .ok)
    }
  }

  @Test("messages left unread by a handler that is done cost the connection nothing")
  func unreadMessages() async throws {
    var configuration = GRPCServer.Configuration()
    configuration.http2.maxConcurrentStreams = 10
    configuration.http2.connectionWindow = 200_000
    let first = GRPCMethod("First") { (requests, responses, _) in
      for try await message in requests { return try await responses.send(message) }
    }
    let body = ByteBuffer(framing: "first", String(repeating: "x", count: 10_000), "third")
    try await TestServer.run([first], configuration: configuration) { server in
      let client = try await server.connectRaw()
      for _ in 0..<100 {
        let response = try await client.request(RawClient.fields("/test.Service/First"), body)
        try #require(response.status == .ok)
        try #require(try response.messages.map { String(buffer: $0.payload) } == ["first"])
      }
    }
  }

  @Test("an answer too large for a header section ends its call instead of leaving the client waiting")
  func unsendableStatus() async throws {
    let fail = GRPCMethod("Fail") { (_, _, _) in throw GRPCStatus(.aborted, String(repeating: "é", count: 50_000)) }
    try await TestServer.run([fail]) { server in
      let channel = try await server.connect()
      #expect(try await channel.status(of: "/test.Service/Fail").code == .internal)
    }
  }
}
