// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Foundation
import GRPCProxy
import NIOCore
import NIOPosix
import Testing

@Suite("much at a time", .serialized, .timeLimit(.minutes(2)))
struct VolumeTests {
  @Test("10,000 streams are open at once on one connection, and each has its own answers")
  func streams() async throws {
    let count = 10_000
    let open = Counter()
    let all = Events<Void>()
    let method = GRPCMethod("Hold") { (requests, responses, _) in
      for try await message in requests {
        if open.add() == count { all.send() }
        try await responses.send(message)
      }
    }
    try await withProxy(to: GRPCService("test.Hold", methods: [method])) { proxy, channel in
      var calls: [GRPCCall] = []
      for number in 0..<count {
        let call = try await channel.call("/test.Hold/Hold")
        try await call.send(ByteBuffer(integer: number))
        calls.append(call)
      }
      await all.next()
      #expect(proxy.summaries.noted.isEmpty)
      var wrong = 0
      for (number, call) in calls.enumerated() {
        if try await call.next() != ByteBuffer(integer: number) { wrong += 1 }
        call.halfClose()
      }
      for call in calls where await call.ending.status != .ok { wrong += 1 }
      #expect(wrong == 0)
    }
  }

  @Test("1 GiB passes in one stream, either way, and never is more than a little of it here", arguments: [true, false])
  func oneStream(fromClient: Bool) async throws {
    let message = ByteBuffer(repeating: 7, count: 1_024 * 1_024)
    let count = 1_024
    let (sent, received) = (Counter(), Counter())
    let sink = GRPCMethod("Sink") { (requests, _, _) in
      for try await message in requests { received.add(message.readableBytes) }
    }
    let source = GRPCMethod("Source") { (_, responses, _) in
      for _ in 0..<count {
        try await responses.send(message)
        sent.add(message.readableBytes)
      }
    }
    try await withProxy(to: GRPCService("test.Volume", methods: [sink, source])) { _, channel in
      let before = residentMemory()
      var most = 0
      var mostOnTheWay = 0
      func look() {
        most = max(most, residentMemory())
        mostOnTheWay = max(mostOnTheWay, sent.value - received.value)
      }
      let call = try await channel.call("/test.Volume/\(fromClient ? "Sink" : "Source")")
      if fromClient {
        for _ in 0..<count {
          try await call.send(message)
          sent.add(message.readableBytes)
          look()
        }
        call.halfClose()
      } else {
        while let message = try await call.next() {
          received.add(message.readableBytes)
          look()
        }
      }
      #expect(await call.ending.status == .ok)
      #expect(received.value == count * message.readableBytes)
      // A message or two at each of three programs, beside windows and buffers of less than one.
      #expect(mostOnTheWay < 8 * message.readableBytes)
      // The process has other tests' memory too.
      #expect(most - before < 256 * 1_024 * 1_024)
    }
  }

  /// Runs `body` with a backend, a proxy and a client on a thread of their own, so that other tests can go on beside it.
  private func withProxy(
    to service: GRPCService, _ body: (ProxyServer, GRPCChannel) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await ended({ try? await group.shutdownGracefully() }) {
      let backend = try await LocalServer.start([service], group: group)
      let pool = try BackendPool(to: "\(backend.target)")
      defer { pool.retire() }
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) }, group: group)
      let channel = try await proxy.server.connect(on: group.next())
      try await ended({
        await channel.close()
        await proxy.stop()
        await backend.stop()
      }) { try await body(proxy, channel) }
    }
  }

  /// Bytes of memory that the process has.
  private func residentMemory() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    return (Int(text.split(separator: " ")[1]) ?? 0) * 4_096
  }
}
