// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Testing

@Suite("percent-encoding of grpc-message")
struct PercentEncodingTests {
  @Test("printable ASCII other than the percent sign stays as it is")
  func printable() {
    let text = String(decoding: Array(UInt8(0x21)...0x7E).filter { $0 != UInt8(ascii: "%") }, as: UTF8.self)
    #expect(PercentEncoding.encode(text) == text)
    #expect(PercentEncoding.encode("not now") == "not now")
  }

  @Test(
    "every other byte is escaped in upper case",
    arguments: [
      ("100%", "100%25"), ("\u{1F}\u{7F}", "%1F%7F"), ("a\r\nb", "a%0D%0Ab"), ("\0", "%00"), ("é", "%C3%A9"),
      ("日", "%E6%97%A5"), ("", ""),
    ])
  func escapes(text: String, encoded: String) {
    #expect(PercentEncoding.encode(text) == encoded)
  }

  @Test("a space at either end is escaped, since HTTP/2 forbids it there")
  func outerSpaces() {
    #expect(PercentEncoding.encode(" a b ") == "%20a b%20")
    #expect(PercentEncoding.encode(" ") == "%20")
  }

  @Test("what is encoded decodes to the same text", arguments: ["", "%", "%41", " \t\n ", "naïve 日本 🙂 100%", "\0"])
  func roundTrip(text: String) {
    #expect(PercentEncoding.decode(Array(PercentEncoding.encode(text).utf8)) == text)
  }

  @Test(
    "a malformed escape stays as it is",
    arguments: [
      ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%4g1", "%4g1"), ("%%41", "%A"), ("%+1", "%+1"), ("a%2", "a%2"),
    ])
  func malformed(bytes: String, decoded: String) {
    #expect(PercentEncoding.decode(bytes.utf8) == decoded)
  }

  @Test("hexadecimal digits are read in either case")
  func hexadecimalCase() {
    #expect(PercentEncoding.decode("%c3%A9%2f%2F".utf8) == "é//")
  }

  @Test("invalid UTF-8 is repaired, escaped or not")
  func invalidUTF8() {
    #expect(PercentEncoding.decode("a%FFb".utf8) == "a\u{FFFD}b")
    #expect(PercentEncoding.decode([0x61, 0xFF, 0x62]) == "a\u{FFFD}b")
  }
}
