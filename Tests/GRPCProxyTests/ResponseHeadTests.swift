// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

/// mwitkow/grpc-proxy sent a response's headers with its first message only, and lost them where there was none.
@Suite("a response's header sections", .timeLimit(.minutes(1)))
struct ResponseHeadTests {
  @Test("headers come while the backend still waits with its first message")
  func early() async throws {
    let release = Events<Void>()
    try await withProxy(to: { call, _ in
      call.send(headers: PingService.head(["x-early": "yes"]))
      await release.next()
      call.send(ByteBuffer(string: "late"))
      call.end(trailers: PingService.ok())
    }) { proxy, _ async throws in
      let client = try await BareClient(to: proxy.server)
      let call = try await client.open()
      #expect(try await call.headers()["x-early"] == "yes")
      release.send()
      #expect(try await call.message()?.text == "late")
      await client.close()
    }
  }

  @Test("an error without a message has its status and its trailers in one section, and no headers of our making")
  func trailersOnly() async throws {
    try await withProxy(to: [PingService.make()]) { proxy, _ async throws in
      let response = try await proxy.call(BareClient.fields(PingService.path("NotFound")))
      #expect(response.sections.count == 1)
      #expect(response.hasEnded)
      #expect(response.data.readableBytes == 0)
      #expect(response.status == GRPCStatus(.notFound, "no such thing \u{263a}\n"))
      #expect(response.section(0).values("x-trailer") == ["kept"])
      #expect(response.section(0).values(":status") == ["200"])
      #expect(response.section(0).values("content-type") == ["application/grpc"])
    }
  }

  @Test("headers of a call that fails without a message are not lost, nor are its status's details")
  func headersThenError() async throws {
    try await withProxy(to: { call, _ in
      call.send(headers: PingService.head(["x-early": "yes"]))
      call.end(trailers: ["grpc-status": "9", "grpc-message": "50%25 \u{e9}", "grpc-status-details-bin": "CAkSAWE="])
    }) { proxy, _ async throws in
      let response = try await proxy.call()
      #expect(response.sections.map { $0["x-early"] } == ["yes", nil])
      #expect(response.section(1)["grpc-status"] == "9")
      #expect(response.section(1)["grpc-message"] == "50%25 \u{e9}")
      #expect(response.section(1)["grpc-status-details-bin"] == "CAkSAWE=")
    }
  }

  @Test("a status that no code of gRPC's has comes as it was sent")
  func unknownCode() async throws {
    try await withProxy(to: { call, _ in
      call.send(headers: [":status": "200", "content-type": "application/grpc", "grpc-status": "99"], endStream: true)
    }) { proxy, _ async throws in
      #expect(try await proxy.call().sections.map { $0["grpc-status"] } == ["99"])
      #expect(await proxy.summaries.next()?.status == GRPCStatus.Code(rawValue: 99))
    }
  }
}
