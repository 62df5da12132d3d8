// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("messages that are passed on without being looked at", .timeLimit(.minutes(1)))
struct MessageForwardingTests {
  /// Sends the messages back with their flags, and the request's encoding and codec.
  private static let mirror: BareMethod = { call, fields in
    var head: HeaderFields = [":status": "200", "content-type": fields["content-type"] ?? ""]
    for name in ["grpc-encoding", "grpc-accept-encoding"] {
      for value in fields.values(name) { head.append(name, value) }
    }
    call.send(headers: head)
    while let message = try await call.message() { call.send(message.payload, compressed: message.compressed) }
    call.end(trailers: PingService.ok())
  }

  @Test("messages of every length come back", arguments: [0, 1, 16_384, 4 * 1_024 * 1_024 + 1, 20_000_000])
  func lengths(length: Int) async throws {
    let message = ByteBuffer(repeating: 7, count: length)
    try await withProxy(to: Self.mirror) { proxy, _ async throws in
      let response = try await proxy.exchange(BareClient.fields()) { call in
        call.send(message)
        call.send(ByteBuffer())
        call.send(message)
      }
      #expect(try response.messages.map(\.payload) == [message, ByteBuffer(), message])
      #expect(response.status == .ok)
      let summary = await proxy.summaries.next()
      #expect(summary?.bytesReceived == 2 * length + 15)
      #expect(summary?.bytesSent == 2 * length + 15)
    }
  }

  @Test("compressed messages pass as they are, whatever compresses them", arguments: ["gzip", "br", "made-up"])
  func compressed(encoding: String) async throws {
    let fields = BareClient.fields(["grpc-encoding": encoding, "grpc-accept-encoding": "identity,\(encoding)"])
    try await withProxy(to: Self.mirror) { proxy, _ async throws in
      let response = try await proxy.exchange(fields) { call in
        call.send(ByteBuffer(bytes: [0xDE, 0xAD]), compressed: true)
        call.send(ByteBuffer(bytes: [0xBE, 0xEF]))
      }
      #expect(response.section(0).values("grpc-encoding") == [encoding])
      #expect(response.section(0).values("grpc-accept-encoding") == ["identity,\(encoding)"])
      #expect(try response.messages.map(\.compressed) == [true, false])
      #expect(try response.messages.map { Array(buffer: $0.payload) } == [[0xDE, 0xAD], [0xBE, 0xEF]])
    }
  }

  @Test(
    "messages of a codec that we don't know pass",
    arguments: ["application/grpc+json", "application/grpc+proto", "application/grpc+x;charset=utf-8"])
  func codecs(contentType: String) async throws {
    try await withProxy(to: Self.mirror) { proxy, _ async throws in
      let response = try await proxy.call(BareClient.fields("/a.B/C", contentType: contentType), "{}")
      #expect(response.section(0).values("content-type") == [contentType])
      #expect(try response.messages.map(\.text) == ["{}"])
      #expect(response.status == .ok)
    }
  }

  @Test("what is no gRPC is refused, and goes to no backend")
  func noGRPC() async throws {
    let calls = Counter()
    try await withProxy(to: { _, _ in calls.add() }) { proxy, _ async throws in
      let wrong = try await proxy.call(BareClient.fields("/a.B/C", contentType: "application/json"))
      #expect(wrong.sections.map { $0[":status"] } == ["415"])
    }
    #expect(calls.value == 0)
  }

  @Test("pieces of messages, and many messages in one piece, pass")
  func pieces() async throws {
    var bytes = ByteBuffer()
    for number in 0..<100 { bytes.writeGRPCMessage { $0.writeString("\(number)") } }
    try await withProxy(to: Self.mirror) { [bytes] proxy, _ async throws in
      let response = try await proxy.exchange(BareClient.fields()) { call in
        for byte in bytes.readableBytesView { call.send(bytes: ByteBuffer(integer: byte)) }
        call.send(bytes: bytes)
      }
      #expect(response.data.readableBytes == 2 * bytes.readableBytes)
      #expect(try response.messages.map(\.text) == (0..<200).map { "\($0 % 100)" })
    }
  }
}
