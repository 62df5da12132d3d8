// SPDX-License-Identifier: Apache-2.0
import NIOCore
import SwiftProtobuf
import Testing

@testable import CalloutGRPC

@Suite("health service", .timeLimit(.minutes(1)))
struct HealthServiceTests {
  private let health = HealthService()

  @Test("Check answers for the server, for a known service, and refuses an unknown one")
  func check() async throws {
    health.set(.serving)
    health.set(.notServing, for: "a.B")
    try await run { channel async throws in
      #expect(try await check(channel, "") == .serving)
      #expect(try await check(channel, "a.B") == .notServing)
      let failure = await #expect(throws: GRPCStatus.self) { try await check(channel, "unknown") }
      #expect(failure?.code == .notFound)
      health.set(.serving, for: "a.B")
      #expect(try await check(channel, "a.B") == .serving)
    }
  }

  @Test("a server of which nothing is known yet is not found")
  func nothingKnown() async throws {
    try await run { channel async throws in
      let failure = await #expect(throws: GRPCStatus.self) { try await check(channel, "") }
      #expect(failure?.code == .notFound)
    }
  }

  @Test("List tells the status of every service")
  func list() async throws {
    health.set(.serving)
    health.set(.notServing, for: "a.B")
    try await run { channel async throws in
      let list: Grpc_Health_V1_HealthListResponse = try await channel.unary(
        "/grpc.health.v1.Health/List", Grpc_Health_V1_HealthListRequest())
      #expect(list.statuses.mapValues(\.status) == ["": .serving, "a.B": .notServing])
    }
  }

  @Test("Watch tells the status at once, then each change, of its own service only")
  func watch() async throws {
    health.set(.serving)
    try await run { channel async throws in
      let server = try await watch(channel, "")
      let service = try await watch(channel, "a.B")
      #expect(try await status(server) == .serving)
      #expect(try await status(service) == .serviceUnknown)
      health.set(.serving, for: "a.B")
      #expect(try await status(service) == .serving)
      health.set(.serving, for: "a.B")
      health.set(.notServing, for: "a.B")
      #expect(try await status(service) == .notServing)
      health.set(.serving, for: "a.B")
      #expect(try await status(service) == .serving)
      health.setAll(.notServing)
      #expect(try await status(service) == .notServing)
      #expect(try await status(server) == .notServing)
      #expect(health.status(of: "a.B") == .notServing)
      server.cancel()
      service.cancel()
    }
  }

  @Test("many watchers are told")
  func manyWatchers() async throws {
    health.set(.serving)
    try await run { channel async throws in
      var calls: [GRPCCall] = []
      for _ in 0..<50 { calls.append(try await watch(channel, "")) }
      for call in calls { #expect(try await status(call) == .serving) }
      health.set(.notServing)
      for call in calls { #expect(try await status(call) == .notServing) }
    }
  }

  @Test("a watcher that has gone is forgotten")
  func forgotten() async throws {
    health.set(.serving)
    let watching = health.updates(of: "")
    let reading = Task { for await _ in watching {} }
    reading.cancel()
    await reading.value
    health.set(.notServing)
    #expect(health.status() == .notServing)
    var updates = health.updates(of: "").makeAsyncIterator()
    #expect(await updates.next() == .notServing)
  }

  @Test("bytes that are no request are INTERNAL, and no request at all too")
  func malformed() async throws {
    try await run { channel async throws in
      #expect(try await channel.status(of: "/grpc.health.v1.Health/Check", "\u{FF}\u{FF}").code == .internal)
      let call = try await channel.call("/grpc.health.v1.Health/Check")
      call.halfClose()
      #expect(await call.ending.status.code == .internal)
    }
  }

  private func run(_ body: (GRPCChannel) async throws -> Void) async throws {
    try await TestServer.run(services: [health.service]) { server in try await body(server.connect()) }
  }

  private func check(
    _ channel: GRPCChannel, _ service: String
  ) async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
    let response: Grpc_Health_V1_HealthCheckResponse = try await channel.unary(
      "/grpc.health.v1.Health/Check", Grpc_Health_V1_HealthCheckRequest.with { $0.service = service })
    return response.status
  }

  private func watch(_ channel: GRPCChannel, _ service: String) async throws -> GRPCCall {
    let call = try await channel.call("/grpc.health.v1.Health/Watch")
    try await call.send(Grpc_Health_V1_HealthCheckRequest.with { $0.service = service })
    call.halfClose()
    return call
  }

  private func status(_ call: GRPCCall) async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus? {
    try await call.next(Grpc_Health_V1_HealthCheckResponse.self)?.status
  }
}
