// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import FilesApp

@Suite("Ranges of bytes")
struct ByteRangeTests {
  @Test(
    "a range is of a file of ten bytes",
    arguments: [
      ("bytes=0-0", 0..<1), ("bytes=2-5", 2..<6), ("bytes=2-", 2..<10), ("bytes=-3", 7..<10), ("Bytes=2-5", 2..<6),
      ("bytes=9-9", 9..<10), ("bytes=5-99", 5..<10), ("bytes=-99", 0..<10), ("bytes=0-9223372036854775807", 0..<10),
      ("bytes=0-9223372036854775806", 0..<10), ("bytes=0-99999999999999999999", 0..<10),
      ("bytes=-99999999999999999999", 0..<10),
    ])
  func some(value: String, range: Range<Int>) { #expect(ByteRange(value)?.within(10) == range) }

  @Test(
    "a range is none of a file of ten bytes",
    arguments: ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=9223372036854775807-", "bytes=99999999999999999999-"])
  func none(value: String) throws { #expect(try #require(ByteRange(value)).within(10) == nil) }

  @Test("an empty file has no range", arguments: ["bytes=0-", "bytes=-1", "bytes=0-0"])
  func empty(value: String) throws { #expect(try #require(ByteRange(value)).within(0) == nil) }

  @Test(
    "what is no range, or several, is none",
    arguments: [
      "", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "bytes=--5", "bytes=a-b", "bytes=+1-2",
      "bytes=1--2", "lines=1-2", "bytes=99999999999999999999-5", "bytes=\u{661}-\u{662}", "bytes=0x1-0x2",
    ])
  func ignored(value: String) { #expect(ByteRange(value) == nil) }
}
