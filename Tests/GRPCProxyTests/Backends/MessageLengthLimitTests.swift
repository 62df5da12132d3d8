// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

@testable import GRPCProxy

@Suite("The lengths of messages that pass")
struct MessageLengthLimitTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var lengths: [Int]
    var limit: Int
    /// The length of the message that is too long.
    var refused: Int?

    var testDescription: String { "\(lengths) of at most \(limit)" }

    var bytes: ByteBuffer {
      var bytes = ByteBuffer()
      for (number, length) in lengths.enumerated() {
        // Payloads that would be taken for prefixes of long messages.
        bytes.writeGRPCMessage(compressed: number % 2 == 1) { $0.writeRepeatingByte(0xFF, count: length) }
      }
      return bytes
    }
  }

  private static let cases = [
    Case(lengths: [], limit: 0), Case(lengths: [0, 0, 0], limit: 0), Case(lengths: [1], limit: 0, refused: 1),
    Case(lengths: [10], limit: 10), Case(lengths: [11], limit: 10, refused: 11),
    Case(lengths: [10, 0, 3, 10, 1, 10], limit: 10), Case(lengths: [10, 0, 3, 12, 99], limit: 10, refused: 12),
    Case(lengths: [256, 257], limit: 256, refused: 257), Case(lengths: [65_536, 70_000, 5], limit: 70_000),
  ]

  @Test(
    "however the bytes come, each message is measured by its prefix", arguments: cases, [1, 2, 4, 5, 6, 7, 1_000, .max])
  func pieces(_ test: Case, size: Int) {
    var limit = MessageLengthLimit(test.limit)
    var bytes = test.bytes
    var refusal: GRPCStatus?
    do throws(GRPCStatus) {
      while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
        try limit.pass(piece)
      }
    } catch {
      refusal = error
    }
    #expect(
      refusal
        == test.refused.map { GRPCStatus(.resourceExhausted, "message of \($0) bytes, limit \(test.limit)") })
  }

  @Test("a message that is too long is refused with the last byte of its prefix")
  func early() throws {
    var limit = MessageLengthLimit(1_000)
    let prefix: [UInt8] = [0, 0xFF, 0xFF, 0xFF, 0xFF]
    try limit.pass(ByteBuffer(bytes: prefix.dropLast()))
    #expect(throws: GRPCStatus(.resourceExhausted, "message of 4294967295 bytes, limit 1000")) {
      try limit.pass(ByteBuffer(bytes: prefix.suffix(1)))
    }
  }

  @Test("the bytes before a buffer's reader index are none of its own")
  func readerIndex() throws {
    var bytes = ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 2, 1, 1])
    bytes.moveReaderIndex(forwardBy: 3)
    var limit = MessageLengthLimit(2)
    for _ in 0..<3 { try limit.pass(bytes) }
  }
}
