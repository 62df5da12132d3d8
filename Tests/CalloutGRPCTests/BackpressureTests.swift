// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import Synchronization
import Testing

@Suite("backpressure", .timeLimit(.minutes(1)))
struct BackpressureTests {
  private static let message = ByteBuffer(repeating: 7, count: 64 * 1_024)
  private static let count = 400
  /// What may be on its way: a window of the stream, what may wait to be sent, and a message or two at each end.
  private static let mostOnTheWay = (512 + 256) / 64 + 4

  @Test("a server's send waits while its client does not read, and goes on when it does")
  func slowClient() async throws {
    let sent = Counter()
    let enough = Events<Void>()
    let flood = GRPCMethod("Flood") { (_, responses, _) in
      for _ in 0..<Self.count {
        try await responses.send(Self.message)
        if sent.increment() == 512 / 64 { enough.send() }
      }
    }
    try await TestServer.run([flood, .echo]) { server in
      let channel = try await server.connect()
      let call = try await channel.call("/test.Service/Flood")
      call.halfClose()
      await enough.next()
      try await converse(on: channel)
      try await converse(on: server.connect())
      #expect(sent.value <= Self.mostOnTheWay)

      var received = 0
      while let message = try await call.next() {
        received += 1
        #expect(message == Self.message)
      }
      #expect(received == Self.count)
      #expect(await call.ending.status == .ok)
    }
  }

  @Test("a client's send waits while the handler does not read, and goes on when it does")
  func slowServer() async throws {
    let sent = Counter()
    let enough = Events<Void>()
    let release = Events<Void>()
    let received = Counter()
    let sink = GRPCMethod("Sink") { (requests, _, _) in
      await release.next()
      for try await message in requests where message == Self.message { received.increment() }
    }
    try await TestServer.run([sink, .echo]) { server in
      let channel = try await server.connect()
      let call = try await channel.call("/test.Service/Sink")
      let sending = Task {
        for _ in 0..<Self.count {
          try await call.send(Self.message)
          if sent.increment() == 512 / 64 { enough.send() }
        }
        call.halfClose()
      }
      await enough.next()
      try await converse(on: channel)
      try await converse(on: server.connect())
      #expect(sent.value <= Self.mostOnTheWay)

      release.send()
      try await sending.value
      #expect(await call.ending.status == .ok)
      #expect(received.value == Self.count)
    }
  }

  @Test("a send that waits ends with the call", arguments: [true, false])
  func endWhileWaiting(clientCancels: Bool) async throws {
    let enough = Events<Void>()
    let ended = Events<GRPCStatus.Code?>()
    let sent = Counter()
    let flood = GRPCMethod("Flood") { (_, responses, _) in
      do {
        while true {
          try await responses.send(Self.message)
          if sent.increment() == 512 / 64 { enough.send() }
        }
      } catch {
        ended.send((error as? GRPCStatus)?.code)
      }
    }
    try await TestServer.run([flood, .echo]) { server in
      let channel = try await server.connect()
      let call = try await channel.call("/test.Service/Flood")
      await enough.next()
      try await converse(on: channel)
      if clientCancels { call.cancel() } else { server.server.closeConnections() }
      #expect(await ended.next() == .cancelled)
      #expect(await call.ending.status.code == (clientCancels ? .cancelled : .unavailable))
    }
  }

  @Test("a client that reads nothing at all from its socket holds up neither the server nor others")
  func deafClient() async throws {
    let sent = Counter()
    let enough = Events<Void>()
    let flood = GRPCMethod("Flood") { (_, responses, _) in
      while true {
        try await responses.send(Self.message)
        if sent.increment() == 4 { enough.send() }
      }
    }
    try await TestServer.run([flood, .echo]) { server in
      let deaf = try await RawConnection(to: server.address, autoRead: false)
      // A window of 2 GiB, so that nothing but the socket holds the server back.
      deaf.send(RawConnection.greeting + RawConnection.windowUpdate(0, by: 0x7FFF_0000))
      deaf.send(RawConnection.settings(initialWindow: 0x7FFF_FFFF) + RawConnection.request(1, "/test.Service/Flood"))
      await enough.next()
      try await converse(on: server.connect())
      let before = sent.value
      try await converse(on: server.connect())
      // Loopback sockets hold some megabytes.
      #expect(before < 400)
      #expect(sent.value < 400)
      try await deaf.close()
    }
  }

  /// A good many turns of the event loop, in which whoever does not wait would get far ahead.
  private func converse(on channel: GRPCChannel) async throws {
    let call = try await channel.call(echoPath)
    for number in 0..<300 {
      try await call.send(ByteBuffer(integer: number))
      #expect(try await call.next() == ByteBuffer(integer: number))
    }
    call.halfClose()
    #expect(await call.ending.status == .ok)
  }
}

final class Counter: Sendable {
  private let count = Atomic(0)

  var value: Int { count.load(ordering: .relaxed) }

  @discardableResult
  func increment() -> Int { count.add(1, ordering: .relaxed).newValue }
}
