// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import Testing

@Suite("compression")
struct GzipTests {
  @Test("gzip and identity are advertised")
  func advertised() {
    #expect(Compression.advertised == "identity,gzip")
  }

  @Test(
    "a peer's accepted encodings are read, with identity always among them",
    arguments: [
      ("", false), ("gzip", true), ("identity, gzip", true), ("deflate,\tgzip ,snappy", true), ("gzipped,GZIP", false),
      (",,", false),
    ])
  func accepted(header: String, gzip: Bool) {
    #expect(Compression.accepted(header) == (gzip ? [.identity, .gzip] : [.identity]))
  }

  @Test("what is compressed decompresses to the same bytes", arguments: [0, 1, 1000, 300_000])
  func roundTrip(length: Int) throws {
    let input = noise(length)
    let compressed = try Gzip.compress(input)
    #expect(compressed.getBytes(at: 0, length: 2) == [0x1F, 0x8B])
    #expect(try Gzip.decompress(compressed, maxLength: length) == input)
  }

  @Test("only the readable bytes are compressed")
  func readableBytes() throws {
    var input = ByteBuffer(string: "skipped kept")
    input.moveReaderIndex(forwardBy: 8)
    #expect(try Gzip.decompress(try Gzip.compress(input), maxLength: 100) == ByteBuffer(string: "kept"))
  }

  @Test("gzip written by another implementation is read")
  func foreign() throws {
    #expect(try Gzip.decompress(ByteBuffer(bytes: hello), maxLength: 100) == ByteBuffer(string: "hello"))
  }

  @Test("members one after another are read as one message")
  func members() throws {
    let input = ByteBuffer(bytes: hello + hello)
    #expect(try Gzip.decompress(input, maxLength: 10) == ByteBuffer(string: "hellohello"))
    #expect(code { _ = try Gzip.decompress(input, maxLength: 9) } == .resourceExhausted)
  }

  @Test("a bomb stops at the limit")
  func bomb() throws {
    let input = try Gzip.compress(ByteBuffer(repeating: 0, count: 10_000_000))
    #expect(input.readableBytes < 20_000)
    #expect(code { _ = try Gzip.decompress(input, maxLength: 9_999_999) } == .resourceExhausted)
    #expect(code { _ = try Gzip.decompress(input, maxLength: 0) } == .resourceExhausted)
    #expect(try Gzip.decompress(input, maxLength: 10_000_000).readableBytes == 10_000_000)
    #expect(try Gzip.decompress(input, maxLength: .max).readableBytes == 10_000_000)
  }

  @Test("a bomb is not unpacked beyond the limit")
  func bombBeforeGarbage() throws {
    var input = try Gzip.compress(ByteBuffer(repeating: 0, count: 10_000_000))
    input.moveWriterIndex(to: input.writerIndex - 8)
    #expect(code { _ = try Gzip.decompress(input, maxLength: 1000) } == .resourceExhausted)
    #expect(code { _ = try Gzip.decompress(input, maxLength: 10_000_000) } == .internal)
  }

  @Test("a message cut short anywhere is broken")
  func truncated() {
    for length in 0..<hello.count {
      let input = ByteBuffer(bytes: hello.prefix(length))
      #expect(code { _ = try Gzip.decompress(input, maxLength: 100) } == .internal)
    }
  }

  @Test(
    "bytes that are not gzip are broken",
    arguments: [Array("not gzip at all".utf8), [0x78, 0x9C, 0x03, 0, 0, 0, 0, 1], [UInt8](repeating: 0, count: 64)])
  func garbage(bytes: [UInt8]) {
    #expect(code { _ = try Gzip.decompress(ByteBuffer(bytes: bytes), maxLength: 100) } == .internal)
  }

  @Test("a wrong checksum is broken")
  func checksum() {
    var bytes = hello
    bytes[bytes.count - 8] ^= 1
    #expect(code { _ = try Gzip.decompress(ByteBuffer(bytes: bytes), maxLength: 100) } == .internal)
  }

  @Test("bytes after the last member are broken", arguments: [[0], [0x1F], [0x1F, 0x8B], Array("more".utf8)])
  func trailing(bytes: [UInt8]) {
    #expect(code { _ = try Gzip.decompress(ByteBuffer(bytes: hello + bytes), maxLength: 100) } == .internal)
  }

  /// "hello", as Python's gzip module writes it.
  private let hello: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xCB, 0x48,
    0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x86, 0xA6, 0x10, 0x36, 0x05, 0x00, 0x00,
    0x00,
  ]

  private func code(_ body: () throws -> Void) -> GRPCStatus.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? GRPCStatus)?.code
    }
  }

  private func noise(_ length: Int) -> ByteBuffer {
    var state: UInt64 = 1
    return ByteBuffer(
      bytes: (0..<length).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
      })
  }
}
