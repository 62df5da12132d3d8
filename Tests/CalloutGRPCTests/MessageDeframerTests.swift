// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

@Suite("message framing")
struct MessageDeframerTests {
  @Test("a message is framed with its flag and length before it")
  func framing() {
    var buffer = ByteBuffer(string: "before")
    buffer.writeGRPCMessage(compressed: true) { $0.writeString("abc") }
    buffer.writeGRPCMessage { _ in }
    #expect(buffer == ByteBuffer(bytes: Array("before".utf8) + [1, 0, 0, 0, 3] + Array("abc".utf8) + [0, 0, 0, 0, 0]))
  }

  @Test("a message whose body throws leaves nothing behind")
  func throwingBody() {
    var buffer = ByteBuffer(string: "before")
    #expect(throws: GRPCStatus(.aborted)) {
      try buffer.writeGRPCMessage { (buffer: inout ByteBuffer) throws(GRPCStatus) in
        buffer.writeString("abc")
        throw GRPCStatus(.aborted)
      }
    }
    #expect(buffer == ByteBuffer(string: "before"))
  }

  @Test("messages in one piece come out in order, then nil")
  func onePiece() throws {
    var deframer = MessageDeframer(maxMessageLength: 100)
    deframer.append(framed("one", "", "three"))
    #expect(try deframer.next()?.payload == ByteBuffer(string: "one"))
    #expect(deframer.bytesBuffered == 15)
    #expect(try deframer.next()?.payload == ByteBuffer())
    #expect(try deframer.next()?.payload == ByteBuffer(string: "three"))
    #expect(try deframer.next() == nil)
    #expect(!deframer.isMidMessage)
  }

  @Test("the compressed flag comes with the message")
  func compressedFlag() throws {
    var bytes = ByteBuffer()
    bytes.writeGRPCMessage(compressed: true) { $0.writeString("a") }
    bytes.writeGRPCMessage(compressed: false) { $0.writeString("b") }
    var deframer = MessageDeframer(maxMessageLength: 100)
    deframer.append(bytes)
    #expect(try deframer.next()?.compressed == true)
    #expect(try deframer.next()?.compressed == false)
  }

  @Test("a message whole in one piece is a slice of it, not a copy")
  func zeroCopy() throws {
    let piece = framed("one", "two", "partial").getSlice(at: 0, length: 20)!
    let start = storage(of: piece)
    var deframer = MessageDeframer(maxMessageLength: 100)
    deframer.append(piece)
    #expect(storage(of: try #require(try deframer.next()).payload) == start + 5)
    #expect(storage(of: try #require(try deframer.next()).payload) == start + 13)
    #expect(try deframer.next() == nil)
    #expect(deframer.bytesBuffered == 4)
  }

  @Test("a message after one that was split is a slice again")
  func zeroCopyAfterSplit() throws {
    let bytes = framed("one", "two")
    var deframer = MessageDeframer(maxMessageLength: 100)
    deframer.append(bytes.getSlice(at: 0, length: 2)!)
    #expect(try deframer.next() == nil)
    let rest = bytes.getSlice(at: 2, length: 14)!
    deframer.append(rest)
    #expect(try deframer.next()?.payload == ByteBuffer(string: "one"))
    let second = try #require(try deframer.next()).payload
    #expect(second == ByteBuffer(string: "two"))
    #expect(storage(of: second) == storage(of: rest) + 11)
  }

  @Test("a message split byte by byte comes out whole")
  func byteByByte() throws {
    let bytes = framed("one", "", "three")
    var deframer = MessageDeframer(maxMessageLength: 100)
    var payloads: [ByteBuffer] = []
    for index in 0..<bytes.readableBytes {
      deframer.append(bytes.getSlice(at: index, length: 1)!)
      while let message = try deframer.next() { payloads.append(message.payload) }
      #expect(deframer.isMidMessage == ![7, 12, 22].contains(index))
    }
    #expect(payloads == ["one", "", "three"].map { ByteBuffer(string: $0) })
  }

  @Test("messages come out whole wherever the stream is split", arguments: 0...23)
  func splitAnywhere(first: Int) throws {
    let bytes = framed("one", "", "three")
    for second in first...23 {
      var deframer = MessageDeframer(maxMessageLength: 100)
      var payloads: [ByteBuffer] = []
      for range in [0..<first, first..<second, second..<23] {
        deframer.append(bytes.getSlice(at: range.lowerBound, length: range.count)!)
        while let message = try deframer.next() { payloads.append(message.payload) }
      }
      #expect(payloads == ["one", "", "three"].map { ByteBuffer(string: $0) })
      #expect(deframer.bytesBuffered == 0)
    }
  }

  @Test("pieces appended without asking for messages are kept")
  func appendedTwice() throws {
    let bytes = framed("one", "two")
    var deframer = MessageDeframer(maxMessageLength: 100)
    deframer.append(bytes.getSlice(at: 0, length: 3)!)
    deframer.append(bytes.getSlice(at: 3, length: 9)!)
    deframer.append(bytes.getSlice(at: 12, length: 4)!)
    #expect(deframer.bytesBuffered == 16)
    #expect(try deframer.next()?.payload == ByteBuffer(string: "one"))
    #expect(try deframer.next()?.payload == ByteBuffer(string: "two"))
    #expect(bytes == framed("one", "two"))
  }

  @Test("a large message in small pieces comes out whole")
  func largeMessage() throws {
    let payload = ByteBuffer(bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    var bytes = ByteBuffer()
    bytes.writeGRPCMessage { $0.writeImmutableBuffer(payload) }
    var deframer = MessageDeframer(maxMessageLength: 1_000_000)
    while let piece = bytes.readSlice(length: min(16_384, max(bytes.readableBytes, 1))) {
      #expect(try deframer.next() == nil)
      deframer.append(piece)
    }
    #expect(try deframer.next()?.payload == payload)
    #expect(!deframer.isMidMessage)
  }

  @Test("a claimed length has no more room made for it than a usual message takes, until its bytes come")
  func claimedLength() throws {
    var deframer = MessageDeframer(maxMessageLength: .max)
    deframer.append(ByteBuffer(bytes: [0, 0xFF, 0xFF, 0xFF, 0xFF] + [1, 2, 3]))
    #expect(try deframer.next() == nil)
    #expect(deframer.bytesBuffered == 8)
    #expect(deframer.partial!.capacity <= 2 * 1_024 * 1_024)
    deframer.append(ByteBuffer(repeating: 0, count: 3_000_000))
    #expect(try deframer.next() == nil)
    #expect(deframer.partial!.capacity <= 8 * 1_024 * 1_024)
  }

  @Test("a message of just the limit is accepted")
  func atLimit() throws {
    var deframer = MessageDeframer(maxMessageLength: 3)
    deframer.append(framed("one"))
    #expect(try deframer.next()?.payload == ByteBuffer(string: "one"))
  }

  @Test("a message over the limit fails once its length is known, and again after", arguments: [1, 3, 5])
  func overLimit(firstPiece: Int) throws {
    let prefix = ByteBuffer(bytes: [0, 0, 0, 0, 4])
    var deframer = MessageDeframer(maxMessageLength: 3)
    deframer.append(prefix.getSlice(at: 0, length: firstPiece)!)
    if firstPiece < 5 {
      #expect(try deframer.next() == nil)
      deframer.append(prefix.getSlice(at: firstPiece, length: 5 - firstPiece)!)
    }
    for _ in 0..<2 {
      let failure = #expect(throws: GRPCStatus.self) { try deframer.next() }
      #expect(failure?.code == .resourceExhausted)
      deframer.append(ByteBuffer(string: "four"))
    }
  }

  @Test("a compressed flag other than 0 and 1 fails", arguments: [2, 0x80, 0xFF] as [UInt8])
  func badFlag(flag: UInt8) {
    var deframer = MessageDeframer(maxMessageLength: 3)
    deframer.append(ByteBuffer(bytes: [flag, 0, 0, 0, 0]))
    let failure = #expect(throws: GRPCStatus.self) { try deframer.next() }
    #expect(failure?.code == .internal)
  }

  private func framed(_ payloads: String...) -> ByteBuffer {
    var bytes = ByteBuffer()
    for payload in payloads { bytes.writeGRPCMessage { $0.writeString(payload) } }
    return bytes
  }

  private func storage(of buffer: ByteBuffer) -> UInt {
    buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
  }
}
