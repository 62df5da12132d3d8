// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

/// What one side does not read is not taken from the other for longer than windows and buffers are large.
@Suite("sides that read slowly", .timeLimit(.minutes(1)))
struct SlowReaderTests {
  private static let message = ByteBuffer(repeating: 7, count: 64 * 1_024)
  private static let count = 400
  /// On each of two connections a window, and what may wait to be sent, and a message or two at each of three programs.
  private static let mostOnTheWay = 2 * (512 + 256) / 64 + 6

  @Test("what a client does not read stays with the backend, and comes when it reads")
  func client() async throws {
    let flood = Flood(Self.message, count: Self.count)
    try await withProxy(to: [GRPCService("test.Flood", methods: [flood.method]), PingService.make()]) { proxy, _ in
      let channel = try await proxy.connect()
      let call = try await channel.call("/test.Flood/Flood")
      call.halfClose()
      await flood.filledWindow.next()
      try await turnOver(proxy, channel)
      #expect(flood.sent.value <= Self.mostOnTheWay)
      var received = 0
      while let message = try await call.next() {
        #expect(message == Self.message)
        received += 1
      }
      #expect(received == Self.count)
      #expect(await call.ending.status == .ok)
      await channel.close()
    }
  }

  @Test("what a backend does not read stays with the client, and goes on when it reads")
  func backend() async throws {
    let release = Events<Void>()
    let received = Counter()
    let sink = GRPCMethod("Sink") { (requests, _, _) in
      await release.next()
      for try await message in requests where message == Self.message { received.add() }
    }
    try await withProxy(to: [GRPCService("test.Sink", methods: [sink]), PingService.make()]) { proxy, _ in
      let channel = try await proxy.connect()
      let call = try await channel.call("/test.Sink/Sink")
      let sent = Counter()
      let filledWindow = Events<Void>()
      let sending = Task {
        for _ in 0..<Self.count {
          try await call.send(Self.message)
          if sent.add() == Flood.window / Self.message.readableBytes { filledWindow.send() }
        }
        call.halfClose()
      }
      await filledWindow.next()
      try await turnOver(proxy, channel)
      #expect(sent.value <= Self.mostOnTheWay)
      release.send()
      try await sending.value
      #expect(await call.ending.status == .ok)
      #expect(received.value == Self.count)
      await channel.close()
    }
  }

  @Test("what the client of a call to many does not read stays with each backend")
  func fanOut() async throws {
    let floods = (0..<3).map { _ in Flood(Self.message, count: Self.count) }
    let ping = PingService.make()
    var backends: [LocalServer] = []
    for flood in floods {
      backends.append(try await .start([GRPCService("test.Flood", methods: [flood.method]), ping]))
    }
    try await ended({ for backend in backends { await backend.stop() } }) {
      let pools = try backends.enumerated().map { try BackendPool(BackendSet("\($0)", [$1.backend])) }
      defer { for pool in pools { pool.retire() } }
      let proxy = try await ProxyServer.start(
        Director { call in
          call.method == "Flood" ? .toAll(of: FanOut(to: pools, answers: .interleaved)) : .to(pools[0])
        })
      try await ended(proxy.stop) {
        let channel = try await proxy.connect()
        let call = try await channel.call("/test.Flood/Flood")
        call.halfClose()
        for flood in floods { await flood.filledWindow.next() }
        try await turnOver(proxy, channel)
        for flood in floods { #expect(flood.sent.value <= Self.mostOnTheWay) }
        var received = 0
        while try await call.next() != nil { received += 1 }
        #expect(received == 3 * Self.count)
        await channel.close()
      }
    }
  }

  /// Many turns of all event loops that are involved, in which whoever does not wait would get far ahead.
  private func turnOver(_ proxy: ProxyServer, _ channel: GRPCChannel) async throws {
    for channel in [channel, try await proxy.connect()] {
      let call = try await channel.call(PingService.path("Echo"))
      for number in 0..<300 {
        try await call.send(ByteBuffer(integer: number))
        #expect(try await call.next() == ByteBuffer(integer: number))
      }
      call.halfClose()
      #expect(await call.ending.status == .ok)
    }
  }
}

/// A method that answers as fast as the client reads.
struct Flood: Sendable {
  static let window = 512 * 1_024

  let sent = Counter()
  /// A window of the stream is full.
  let filledWindow = Events<Void>()
  private let message: ByteBuffer
  private let count: Int

  init(_ message: ByteBuffer, count: Int) {
    self.message = message
    self.count = count
  }

  var method: GRPCMethod {
    GRPCMethod("Flood") { [self] (_, responses, _) in
      for _ in 0..<count {
        try await responses.send(message)
        if sent.add() == Self.window / message.readableBytes { filledWindow.send() }
      }
    }
  }
}
