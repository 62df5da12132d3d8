// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtAuthz
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Failing authorization servers", .timeLimit(.minutes(1)))
struct FailureTests {
  private struct Failure: Error {}

  private static let failing: Asked.Hook = { request, _ in
    switch request.path {
    case "/throw": throw Failure()
    case "/status": throw GRPCStatus(.resourceExhausted, "busy")
    case "/illegal": return .allow(set: ["bad name": "1"])
    case "/deny": throw Denial(ImmediateResponse(status: 429, body: "slow down", details: "why"))
    case "/deny-with-status": throw Denial.grpcStatus("no")
    default: return .allow
    }
  }

  @Test(
    "the call fails with a status and one log line, and others go on",
    arguments: [
      ("/throw", GRPCStatus.Code.unknown, "the handler failed"), ("/status", .resourceExhausted, "busy"),
      ("/illegal", .internal, "'bad name' is no header name"),
    ])
  func failCall(path: String, code: GRPCStatus.Code, message: String) async throws {
    let log = LogRecorder()
    try await withRunningServer(Asked(Self.failing), logger: log.logger) { server in
      let client = try await server.client()
      let status = await #expect(throws: GRPCStatus.self) { try await client.check(.check("GET", path)) }
      #expect(status?.code == code && status?.message.contains(message) == true)
      #expect(try await client.check(.check()).status.code == 0)
      #expect(log.entries(atLeast: .warning).count == 1 && log.entries.last?.metadata["stream"] != nil)
    }
  }

  @Test("the policy's denial is sent instead", arguments: ["/throw", "/status", "/illegal"])
  func deny(path: String) async throws {
    let policy = AuthorizationServer.FailurePolicy.deny(ImmediateResponse(status: 503, body: "later"))
    let message = try await AuthorizationHarness(Asked(policy: policy, Self.failing)).reply(to: .check("GET", path))
    #expect(message.status.code == 7 && message.deniedResponse.status.code == .serviceUnavailable)
    #expect(message.deniedResponse.body == "later")
  }

  @Test("a policy's denial that Envoy would refuse denies all the same")
  func badPolicy() async throws {
    let server = Asked(policy: .deny(ImmediateResponse(status: 42, body: "")), Self.failing)
    #expect(try await AuthorizationHarness(server).reply(to: .check("GET", "/throw")) == .with { $0.status.code = 7 })
  }

  @Test(
    "a denial that is thrown is one, whatever the policy",
    arguments: [
      AuthorizationServer.FailurePolicy.failCall, .deny(ImmediateResponse(status: 503, body: "later")),
    ])
  func denial(policy: AuthorizationServer.FailurePolicy) async throws {
    let harness = AuthorizationHarness(Asked(policy: policy, Self.failing))
    let message = try await harness.reply(to: .check("GET", "/deny"))
    #expect(message.status.code == 7 && message.status.message == "why")
    #expect(message.deniedResponse.status.code == .tooManyRequests && message.deniedResponse.body == "slow down")
    let other = try await harness.reply(to: .check("GET", "/deny-with-status"))
    #expect(other.status.code == 7 && other.status.message == "no" && other.deniedResponse.status.code == .forbidden)
  }

  @Test(
    "a denial's own gRPC status is its code, unless that is OK",
    arguments: [(16, 16), (0, 7), (17, 7)] as [(UInt32, Int32)])
  func denialCode(status: UInt32, code: Int32) async throws {
    let server = Asked { _, _ in throw Denial(ImmediateResponse(status: 401, grpcStatus: status)) }
    #expect(try await AuthorizationHarness(server).reply(to: .check()).status.code == code)
  }

  @Test("nothing is decided on what could not be read")
  func unreadable() async throws {
    // AttributeContext{source = 1 {service = 2}} with a text that is none.
    let bytes: [UInt8] = [0x0a, 0x05, 0x0a, 0x03, 0x12, 0x01, 0xff]
    try await withRunningServer(
      Asked(policy: .failCall) { request, _ in request.source.service == "bad" ? .deny() : .allow }
    ) { server in
      let client = try await server.client()
      let call = try await client.channel.call("/envoy.service.auth.v3.Authorization/Check")
      try await call.send(ByteBuffer(bytes: bytes))
      #expect(await call.ending.status.code == .invalidArgument)
    }
  }
}
