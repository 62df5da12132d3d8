// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("HTTP/2 flow control")
struct HTTP2SessionFlowControlTests {
  @Test("a client that sends more than the stream's window stalls until credit is given back")
  func streamWindow() throws {
    let pair = try SessionPair()
    pair.server.consumesData = false
    let (request, answer) = try pair.open()
    let body = bytes(2_000_000)
    request.write { $0.writeBytes(body) }
    request.end()
    try pair.exchange()
    let window = pair.server.session.configuration.streamWindow
    #expect(pair.server.record(1).data.readableBytes == window)
    #expect(request.outboundBytes == body.count - window)
    #expect(!pair.server.record(1).hasEnded)

    while !pair.server.record(1).hasEnded {
      let before = pair.server.record(1).data.readableBytes
      answer.consumed(window)
      try pair.exchange()
      #expect(pair.server.record(1).data.readableBytes == min(body.count, before + window))
    }
    #expect(pair.server.record(1).data == ByteBuffer(bytes: body))
  }

  @Test("streams together stall at the connection's window, and go on when one gives back its credit")
  func connectionWindow() throws {
    var configuration = HTTP2Configuration()
    configuration.connectionWindow = 100_000
    configuration.streamWindow = 80_000
    let pair = try SessionPair(server: configuration)
    pair.server.consumesData = false
    let first = try pair.open()
    let second = try pair.open()
    for stream in [first.client, second.client] { stream.write { $0.writeBytes(bytes(80_000)) } }
    try pair.exchange()
    let received = { pair.server.record(1).data.readableBytes + pair.server.record(3).data.readableBytes }
    #expect(received() == 100_000)
    let credit = pair.server.record(1).data.readableBytes
    first.server.consumed(credit)
    try pair.exchange()
    #expect(received() == min(160_000, 100_000 + credit))
  }

  @Test("credit of a closed stream still opens the connection's window")
  func creditAfterClose() throws {
    var configuration = HTTP2Configuration()
    configuration.connectionWindow = 100_000
    configuration.streamWindow = 100_000
    let pair = try SessionPair(server: configuration)
    pair.server.consumesData = false
    let first = try pair.open()
    first.client.write { $0.writeBytes(bytes(100_000)) }
    try pair.exchange()
    first.client.reset(.cancel)
    let second = try pair.open()
    second.client.write { $0.writeBytes(bytes(50_000)) }
    try pair.exchange()
    #expect(pair.server.record(3).data.readableBytes == 0)
    first.server.consumed(100_000)
    try pair.exchange()
    #expect(pair.server.record(3).data.readableBytes == 50_000)
  }

  @Test("data that arrives after our reset costs the connection no window")
  func dataAfterReset() throws {
    var configuration = HTTP2Configuration()
    configuration.connectionWindow = 100_000
    configuration.streamWindow = 100_000
    configuration.resetBudget = .init(burst: 1_000, perSecond: 0)
    let server = try RawServer(configuration)
    for round in 0..<20 {
      let id = Int32(2 * round + 1)
      try server.send(.headers(id))
      server.peer.session.stream(id)!.reset(.internalError)
      // Still on its way when the reset was sent.
      try server.send((0..<6).map { _ in .data(id, bytes(16_384)) })
    }
    #expect(server.peer.log.allSatisfy { !$0.hasPrefix("terminated") })
  }

  @Test("an answer larger than the client's window waits for it, and its handler is told when it has left")
  func answerWaits() throws {
    let server = try RawServer()
    try server.send(.settings((4, 1_000)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    let highWater = server.peer.session.configuration.streamOutboundHighWater
    stream.sendHeaders(.response)
    stream.write { $0.writeBytes(bytes(highWater)) }
    #expect(!stream.isOutboundFull)
    stream.write { $0.writeString("x") }
    #expect(stream.isOutboundFull)
    stream.end(trailers: ["grpc-status": "0"])
    #expect(dataBytes(try server.peer.takeOutput().frames) == 1_000)
    #expect(dataBytes(try server.send(.windowUpdate(1, by: 30_000))) == 30_000)
    #expect(stream.isOutboundFull)
    #expect(!server.peer.log.contains("drained 1"))

    let rest = try server.send(.windowUpdate(0, by: 1_000_000), .windowUpdate(1, by: 1_000_000))
    #expect(dataBytes(rest) == highWater + 1 - 31_000)
    #expect(rest.last?.endsStream == true && rest.last?.kind == .headers)
    #expect(!stream.isOutboundFull)
    #expect(server.peer.log.filter { $0 == "drained 1" }.count == 1)
  }

  @Test("a client whose window is one byte gets one byte at a time")
  func windowOfOne() throws {
    let server = try RawServer()
    try server.send(.settings((4, 1)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    stream.write { $0.writeString("abc") }
    stream.end()
    #expect(try server.peer.takeOutput().frames.filter { $0.kind == .data } == [.data(1, [0x61])])
    #expect(try server.send(.windowUpdate(1, by: 1)) == [.data(1, [0x62])])
    #expect(try server.send(.windowUpdate(1, by: 1)) == [.data(1, [0x63], endStream: true)])
  }

  @Test("a window that SETTINGS make negative is respected")
  func negativeWindow() throws {
    let server = try RawServer()
    try server.send(.settings((4, 3)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    stream.write { $0.writeString("abcdef") }
    stream.end()
    #expect(dataBytes(try server.peer.takeOutput().frames) == 3)
    #expect(dataBytes(try server.send(.settings((4, 1)))) == 0)
    #expect(dataBytes(try server.send(.windowUpdate(1, by: 2))) == 0)
    #expect(dataBytes(try server.send(.windowUpdate(1, by: 3))) == 3)
  }

  @Test("a large body goes both ways at once")
  func bothWays() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    let up = bytes(3_000_000)
    let down = bytes(5_000_000)
    request.write { $0.writeBytes(up) }
    request.end()
    answer.sendHeaders(.response)
    answer.write { $0.writeBytes(down) }
    answer.end(trailers: ["a": "b"])
    try pair.exchange()
    #expect(pair.server.record(1).data == ByteBuffer(bytes: up))
    #expect(pair.client.record(1).data == ByteBuffer(bytes: down))
    #expect(pair.client.record(1).closedWith == .noError)
  }

  @Test("output stops soon after its limit and goes on where it stopped")
  func outputLimit() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    try pair.exchange()
    answer.sendHeaders(.response)
    answer.write { $0.writeBytes(bytes(200_000)) }
    var total = 0
    var largest = 0
    while true {
      let output = try pair.server.takeOutput(limit: 20_000)
      guard output.readableBytes > 0 else { break }
      largest = max(largest, output.readableBytes)
      total += output.readableBytes
      try pair.client.receive(output)
      try pair.server.receive(try pair.client.takeOutput())
    }
    #expect(largest < 20_000 + 16_384 + 9)
    #expect(total > 200_000)
    #expect(pair.client.record(1).data == ByteBuffer(bytes: bytes(200_000)))
  }

  private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

  private func dataBytes(_ frames: [Frame]) -> Int {
    frames.filter { $0.kind == .data }.map(\.payload.count).reduce(0, +)
  }
}
