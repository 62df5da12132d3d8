// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import NIOCore
import Testing

@Suite("calls that are passed on", .timeLimit(.minutes(1)))
struct ForwardingTests {
  @Test("a message goes to the backend, and its answer comes back")
  func unary() async throws {
    let backend = try await LocalServer.start([GRPCService("test.Service", methods: [.echo])])
    let pool = try BackendPool(to: "\(backend.target)")
    let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
    let channel = try await proxy.connect()
    let call = try await channel.call("/test.Service/Echo")
    try await call.send(ByteBuffer(string: "hello"))
    #expect(try await call.next() == ByteBuffer(string: "hello"))
    call.halfClose()
    #expect(try await call.next() == nil)
    #expect(await call.ending.status == .ok)
    let summary = await proxy.summaries.next()
    #expect(summary?.status == .ok)
    #expect(summary?.backends == ["\(backend.target)"])
    await channel.close()
    await proxy.stop()
    await backend.stop()
  }
}

extension GRPCMethod {
  /// Sends every message back.
  static let echo = GRPCMethod("Echo") { (requests, responses, _) in
    for try await message in requests { try await responses.send(message) }
  }
}
