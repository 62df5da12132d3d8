// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Testing

@Suite("the client's side of a call", .timeLimit(.minutes(1)))
struct ClientCallTests {
  @Test(
    "an answer that is not gRPC's becomes the status that its HTTP status stands for",
    arguments: [
      ("401", GRPCStatus.Code.unauthenticated), ("404", .unimplemented), ("503", .unavailable), ("418", .unknown),
    ])
  func httpStatus(status: String, code: GRPCStatus.Code) async throws {
    try await RawServer.run(answer: {
      $0.sendHeaders([":status": status, "content-type": "text/html"], endStream: true)
    }) {
      let ended = try await $0.status(of: "/x")
      #expect(ended.code == code)
    }
  }

  @Test("an answer without grpc-status is no success")
  func noStatus() async throws {
    let answer = { @Sendable (stream: HTTP2Stream) in
      stream.sendHeaders([":status": "200", "content-type": "application/grpc"])
      stream.write { $0.writeGRPCMessage { $0.writeString("x") } }
      stream.end()
    }
    try await RawServer.run(answer: answer) {
      let call = try await $0.call("/x")
      #expect(try await call.text() == "x")
      await #expect(throws: GRPCStatus.self) { try await call.next() }
      #expect(await call.ending.status.code != .ok)
    }
  }

  @Test("a status that is no number is UNKNOWN, and its message is decoded")
  func oddStatus() async throws {
    let fields: HeaderFields = [":status": "200", "grpc-status": "x", "grpc-message": "a%20%C3%A9%zz"]
    try await RawServer.run(answer: { $0.sendHeaders(fields, endStream: true) }) {
      let ended = try await $0.status(of: "/x")
      #expect(ended == GRPCStatus(.unknown, "a é%zz"))
    }
  }

  @Test(
    "a reset becomes the status that its code stands for",
    arguments: [
      (HTTP2ErrorCode.refusedStream, GRPCStatus.Code.unavailable), (.enhanceYourCalm, .resourceExhausted),
      (.internalError, .internal), (.inadequateSecurity, .permissionDenied),
    ])
  func reset(code: HTTP2ErrorCode, status: GRPCStatus.Code) async throws {
    try await RawServer.run(answer: { $0.reset(code) }) {
      let ended = try await $0.status(of: "/x")
      #expect(ended.code == status)
    }
  }

  @Test(
    "a message over the client's limit ends the call with RESOURCE_EXHAUSTED, whoever reads or not",
    arguments: [true, false])
  func overLimit(readsFirst: Bool) async throws {
    let resets = Events<HTTP2ErrorCode>()
    let answer = { @Sendable (stream: HTTP2Stream) in
      stream.sendHeaders([":status": "200", "content-type": "application/grpc"])
      stream.write { $0.writeGRPCMessage { $0.writeString("first") } }
      stream.write { $0.writeBytes([0, 0, 0, 0x03, 0xE9]) }
    }
    try await RawServer.run(maxMessageLength: 1_000, resets: resets, answer: answer) {
      let call = try await $0.call("/x")
      if readsFirst { #expect(try await call.text() == "first") }
      let failure = await #expect(throws: GRPCStatus.self) { while try await call.next() != nil {} }
      #expect(failure?.code == .resourceExhausted)
      #expect(await call.ending.status.code == .resourceExhausted)
      #expect(await resets.next() == .cancel)
    }
  }

  @Test("a message over the limit in an answer that is already whole still fails for its reader")
  func overLimitInWhole() async throws {
    let answer = { @Sendable (stream: HTTP2Stream) in
      stream.sendHeaders([":status": "200", "content-type": "application/grpc"])
      stream.write { $0.writeGRPCMessage { $0.writeBytes([UInt8](repeating: 0, count: 1_001)) } }
      stream.end(trailers: ["grpc-status": "0"])
    }
    try await RawServer.run(maxMessageLength: 1_000, answer: answer) {
      let call = try await $0.call("/x")
      _ = await call.ending
      let failure = await #expect(throws: GRPCStatus.self) { try await call.next() }
      #expect(failure?.code == .resourceExhausted)
    }
  }

  @Test("an answer that ends within a message is INTERNAL for its reader")
  func truncated() async throws {
    let answer = { @Sendable (stream: HTTP2Stream) in
      stream.sendHeaders([":status": "200", "content-type": "application/grpc"])
      stream.write { $0.writeBytes([0, 0, 0, 0, 9, 1, 2]) }
      stream.end(trailers: ["grpc-status": "0"])
    }
    try await RawServer.run(answer: answer) {
      let call = try await $0.call("/x")
      let failure = await #expect(throws: GRPCStatus.self) { try await call.next() }
      #expect(failure?.code == .internal)
    }
  }

  @Test("a compressed answer that cannot be read is INTERNAL", arguments: [nil, "gzip", "br"])
  func badCompression(encoding: String?) async throws {
    let answer = { @Sendable (stream: HTTP2Stream) in
      var fields: HeaderFields = [":status": "200", "content-type": "application/grpc"]
      if let encoding { fields.append("grpc-encoding", encoding) }
      stream.sendHeaders(fields)
      stream.write { $0.writeGRPCMessage(compressed: true) { $0.writeString("not gzip") } }
    }
    try await RawServer.run(answer: answer) {
      let call = try await $0.call("/x")
      let failure = await #expect(throws: GRPCStatus.self) { try await call.next() }
      #expect(failure?.code == .internal)
      #expect(await call.ending.status.code == .internal)
    }
  }

  @Test("a server that never answers loses to the client's deadline, and is told with a reset")
  func deadline() async throws {
    let resets = Events<HTTP2ErrorCode>()
    try await RawServer.run(resets: resets, answer: { _ in }) {
      let call = try await $0.call("/x", timeout: .seconds(5))
      #expect(await call.ending.status.code == .deadlineExceeded)
      #expect(await resets.next() == .cancel)
    }
  }

  @Test("the headers of an answer can be had before its first message")
  func headers() async throws {
    let answer = { @Sendable (stream: HTTP2Stream) in
      stream.sendHeaders([
        ":status": "200", "content-type": "application/grpc", "x-a": "1", "x-b-bin": "/wA", "x-a": "2",
      ])
    }
    try await RawServer.run(answer: answer) {
      let call = try await $0.call("/x")
      let headers = try await call.headers
      #expect(headers.strings("x-a") == ["1", "2"])
      #expect(headers.binaries("x-b-bin") == [[0xFF, 0]])
      call.cancel()
    }
  }

  @Test("headers of a call that ends without any are its status")
  func noHeaders() async throws {
    let fields: HeaderFields = [":status": "200", "grpc-status": "5", "grpc-message": "gone"]
    try await RawServer.run(answer: { $0.sendHeaders(fields, endStream: true) }) {
      let call = try await $0.call("/x")
      await #expect(throws: GRPCStatus(.notFound, "gone")) { try await call.headers }
    }
  }
}
