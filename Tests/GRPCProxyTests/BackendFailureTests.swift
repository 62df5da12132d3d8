// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import ExtProcTesting
import Foundation
import GRPCProxy
import NIOCore
import Testing

@Suite("backends that do not answer as they should", .timeLimit(.minutes(1)))
struct BackendFailureTests {
  @Test("a backend that dies in the middle of a stream is UNAVAILABLE behind what it had sent")
  func diesMidStream() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, backend in
      let channel = try await proxy.connect()
      let call = try await channel.call(PingService.path("PingStream"))
      try await call.send(ByteBuffer(string: "x"))
      #expect(try await call.next() == ByteBuffer(string: "0 x"))
      await backend.stop()
      await #expect(throws: GRPCStatus(.unavailable, "the connection was lost")) { try await call.next() }
      #expect(await proxy.summaries.next()?.status == .unavailable)
      await channel.close()
    }
  }

  @Test("so is gRPC's Python that is killed", .enabled(if: ProxyPeer.python != nil, "\(ProxyPeer.hint)"))
  func foreignDies() async throws {
    try await ProxyPeer.withBackend { backend, process in
      let pool = try BackendPool(BackendSet("backends", [backend]))
      defer { pool.retire() }
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
      try await ended(proxy.stop) {
        let channel = try await proxy.connect()
        let call = try await channel.call(PingService.path("PingStream"))
        try await call.send(ByteBuffer(string: "x"))
        #expect(try await call.next() == ByteBuffer(string: "0 x"))
        process.send(signal: SIGKILL)
        #expect(await call.ending.status.code == .unavailable)
        await channel.close()
      }
    }
  }

  @Test("a backend that is not there is UNAVAILABLE, by name")
  func notThere() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, backend async throws in
      await backend.stop()
      let status = try await proxy.call().status
      #expect(status?.code == .unavailable)
      #expect(status?.message.contains("\(backend.target)") == true)
      let summary = await proxy.summaries.next()
      #expect(summary?.status == .unavailable)
      #expect(summary?.backends == [])
    }
  }

  @Test(
    "an HTTP answer that is no gRPC becomes a status, whether or not the client has ended",
    arguments: [
      (400, GRPCStatus.Code.internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
      (429, .unavailable), (500, .unknown), (502, .unavailable), (503, .unavailable), (504, .unavailable),
      (200, .unknown),
    ], [true, false])
  func http(answer: (status: Int, code: GRPCStatus.Code), clientHasEnded: Bool) async throws {
    try await withProxy(to: { call, _ in
      call.send(headers: [":status": "\(answer.status)", "content-type": "text/html", "x-page": "yes"])
      call.send(bytes: ByteBuffer(string: "<html>no</html>"))
      call.end()
    }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        call.send(ByteBuffer(string: "x"))
        if clientHasEnded { call.end() }
        let response = try await call.response()
        #expect(response.status?.code == answer.code)
        #expect(response.status?.message.contains("\(answer.status)") == true)
        #expect(response.sections.map { $0[":status"] } == ["200"])
        #expect(response.section(0)["content-type"] == "application/grpc")
        #expect(response.data.readableBytes == 0)
      }
      #expect(await proxy.summaries.next()?.status == answer.code)
    }
  }

  @Test(
    "an answer that is whole ends the call at once, though the backend does not reset its stream",
    arguments: [
      (EndingServer.unavailable, GRPCStatus.Code.unavailable), (EndingServer.failedPrecondition, .failedPrecondition),
    ])
  func wholeWithoutReset(fields: [UInt8], expected: GRPCStatus.Code) async throws {
    try await EndingServer.run(answering: fields) { address in
      let pool = try BackendPool(BackendSet("backends", [Backend(GRPCTarget(address))]))
      defer { pool.retire() }
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
      try await ended(proxy.stop) {
        try await proxy.withClient { client in
          let call = try await client.open()
          call.send(ByteBuffer(string: "x"))
          #expect(try await call.response().status?.code == expected)
        }
      }
      // The same without a proxy between.
      let channel = try await GRPCChannel.connect(to: address)
      #expect(await (try channel.call("/a.B/C")).ending.status.code == expected)
      await channel.close()
    }
  }

  @Test("an answer that ends without a status is UNKNOWN behind its messages", arguments: [true, false])
  func noStatus(clientHasEnded: Bool) async throws {
    try await withProxy(to: { call, _ in
      call.send(headers: PingService.head(["x-early": "yes"]))
      call.send(ByteBuffer(string: "x"))
      call.end()
    }) { proxy, _ in
      try await proxy.withClient { client in
        let call = try await client.open()
        if clientHasEnded { call.end() }
        let response = try await call.response()
        #expect(response.sections.map { $0["x-early"] } == ["yes", nil])
        #expect(try response.messages.map(\.text) == ["x"])
        #expect(response.status?.code == .unknown)
      }
    }
  }
}
