// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("What an HTTP/2 stream sends")
struct HTTP2StreamTests {
  /// Text so short, and pieces so long, that frames begin and end in every place.
  private static let lengths = [0, 1, 5, 16_384, 16_385, 40_000]

  @Test("what is written and what is held uncopied arrive in order, byte for byte", arguments: lengths, lengths)
  func order(first: Int, second: Int) throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    var expected = ByteBuffer()
    answer.sendHeaders(.response)
    for (number, length) in [first, second, 3, first].enumerated() {
      let piece = ByteBuffer(bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0 &+ number) })
      answer.write(before: piece) { $0.writeString("<\(number)>") }
      expected.writeString("<\(number)>")
      expected.writeImmutableBuffer(piece)
      answer.write { $0.writeString("after\(number)") }
      expected.writeString("after\(number)")
      #expect(answer.outboundBytes == expected.readableBytes)
    }
    answer.end()
    try pair.exchange()
    #expect(pair.client.record(request.id).data == expected)
    #expect(pair.client.record(request.id).hasEnded)
    #expect(answer.outboundBytes == 0)
  }

  @Test("what waits counts towards the high-water mark, and is told when all has left")
  func highWater() throws {
    let server = try RawServer()
    try server.send(.settings((4, 0)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    let highWater = server.peer.session.configuration.streamOutboundHighWater
    stream.sendHeaders(.response)
    stream.write(before: ByteBuffer(repeating: 1, count: highWater)) { _ in }
    #expect(!stream.isOutboundFull)
    stream.write { $0.writeInteger(UInt8(2)) }
    #expect(stream.isOutboundFull)
    try server.send(.windowUpdate(0, by: 1_000_000), .windowUpdate(1, by: UInt32(highWater)))
    #expect(stream.isOutboundFull)
    #expect(!server.peer.log.contains("drained 1"))
    try server.send(.windowUpdate(1, by: 1))
    #expect(!stream.isOutboundFull)
    #expect(server.peer.log.filter { $0 == "drained 1" }.count == 1)
  }

  @Test(
    "few bytes are copied, and do not hold the memory that they came in", arguments: [(100, false), (20_000, true)])
  func few(length: Int, isHeld: Bool) throws {
    let server = try RawServer()
    try server.send(.settings((4, 0)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    var read = ByteBuffer(repeating: 1, count: 65_536)
    let place = read.withUnsafeReadableBytes { $0.baseAddress }
    stream.write(before: read.getSlice(at: 0, length: length)!) { _ in }
    // A buffer that is shared is copied when it is written to.
    read.setInteger(UInt8(2), at: 0)
    #expect((read.withUnsafeReadableBytes { $0.baseAddress } != place) == isHeld)
    #expect(stream.outboundBytes == length)
  }

  @Test("a stream that closes lets go of what it held")
  func closed() throws {
    let server = try RawServer()
    try server.send(.settings((4, 0)), .headers(1, endStream: true))
    let stream = try #require(server.peer.session.stream(1))
    stream.sendHeaders(.response)
    stream.write(before: ByteBuffer(repeating: 1, count: 100)) { _ in }
    try server.send(.reset(1, 8))
    #expect(stream.outboundBytes == 0)
  }
}
