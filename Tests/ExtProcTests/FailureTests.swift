// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Failing callouts", .timeLimit(.minutes(1)))
struct FailureTests {
  private struct Failure: Error {}

  /// Fails in the way that the request's path names.
  private static let failing: Hooked.Headers = { headers, _ in
    switch headers.path {
    case "/throw": throw Failure()
    case "/deny": throw GRPCStatus(.permissionDenied, "no entry")
    case "/illegal": return .mutate(set: ["bad name": "1"])
    case "/other-phase": return .complete(.responseTrailers(.continue))
    default: return .continue
    }
  }

  /// Fails one stream while another of the same connection goes on; returns what became of the first.
  private func fail(
    _ path: String, policy: CalloutServer.FailurePolicy = .failStream
  ) async throws -> (Result<ProcessingResponseMessage, GRPCStatus>, [LogRecorder.Entry]) {
    let log = LogRecorder()
    return try await withRunningServer(
      Hooked(policy: policy, headers: Self.failing), logger: log.logger
    ) { server in
      let client = try await server.client()
      let other = try await client.stream()
      _ = try await other.reply(to: .requestHeaders([":path": "/"]))
      let stream = try await client.stream()
      var result: Result<ProcessingResponseMessage, GRPCStatus>
      do {
        let reply = try await stream.reply(to: .requestHeaders([":path": "\(path)"]))
        result = .success(reply)
        // The stream goes on too, unless the client has been answered.
        if !reply.immediateResponse.hasStatus { _ = try await stream.reply(to: .responseHeaders([":path": "/"])) }
      } catch {
        result = .failure(try #require(error as? GRPCStatus))
      }
      _ = try await other.reply(to: .responseHeaders([":path": "/"]))
      _ = try await client.stream().reply(to: .requestHeaders([":path": "/"]))
      return (result, log.entries(atLeast: .warning))
    }
  }

  @Test(
    "a hook that throws, or a reply that Envoy would refuse, ends its stream with a status and one log line",
    arguments: [
      ("/throw", GRPCStatus.Code.unknown, "the handler failed"), ("/deny", .permissionDenied, "no entry"),
      ("/illegal", .internal, "'bad name' is no header name"),
      ("/other-phase", .internal, "it is about responseTrailers, but requestHeaders was asked"),
    ])
  func failStream(path: String, code: GRPCStatus.Code, message: String) async throws {
    let (result, log) = try await fail(path)
    let status = #expect(throws: GRPCStatus.self) { try result.get() }
    #expect(status?.code == code)
    #expect(status?.message.contains(message) == true)
    #expect(log.count == 1)
    #expect(log.first?.level == .error)
    #expect(log.first?.metadata["phase"] == "requestHeaders")
    #expect(log.first?.metadata["error"] != nil)
  }

  @Test(
    "under passThrough the part passes and the stream goes on, with one log line", arguments: ["/throw", "/illegal"])
  func passThrough(path: String) async throws {
    let (result, log) = try await fail(path, policy: .passThrough)
    #expect(try result.get() == ProcessingResponseMessage.with { $0.requestHeaders = .init() })
    #expect(log.count == 1)
  }

  @Test("under immediate the client is answered, with one log line", arguments: ["/throw", "/illegal"])
  func immediate(path: String) async throws {
    let policy = CalloutServer.FailurePolicy.immediate(ImmediateResponse(status: 503, body: "later"))
    let (result, log) = try await fail(path, policy: policy)
    #expect(try result.get().immediateResponse.status.code.rawValue == 503)
    #expect(log.count == 1)
  }

  @Test("a policy's own answer that Envoy would refuse ends the stream")
  func badPolicy() async throws {
    let (result, _) = try await fail("/throw", policy: .immediate(ImmediateResponse(status: 42, body: "")))
    let status = #expect(throws: GRPCStatus.self) { try result.get() }
    #expect(status?.code == .internal)
  }

  @Test(
    "a message that is no ProcessingRequest ends its stream with INVALID_ARGUMENT",
    arguments: [[0xff], [0x12, 0x05, 0x0a], [0x12, 0x01, 0x0a], [0x22, 0x02, 0x0a, 0x05]])
  func malformed(bytes: [UInt8]) async throws {
    let callout = Hooked()
    try await withRunningServer(callout) { server in
      let client = try await server.client()
      let stream = try await client.stream()
      try await stream.send(ProcessingRequestMessage().withBodyModes(request: .streamed))
      try await stream.call.send(ByteBuffer(bytes: bytes))
      #expect(await stream.status.code == .invalidArgument)
      guard case .failed(let error) = try await callout.endings.next() else {
        return #expect(Bool(false), "the stream did not end as failed")
      }
      #expect((error as? CalloutError)?.code == .malformedRequest)
      _ = try await client.stream().reply(to: .requestHeaders([:]))
    }
  }
}
