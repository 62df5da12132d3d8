// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Testing

@Suite("JSON")
struct JSONTests {
  @Test(
    "what was read is written again as it was, but for spaces and needless escapes",
    arguments: [
      ("null", "null"), (" true ", "true"), ("false", "false"), ("[ ]", "[]"), ("{ }", "{}"),
      ("0", "0"), ("-0", "-0"), ("1.50", "1.50"), ("1E+2", "1E+2"), ("123456789012345678901234567890", nil),
      ("0.1e-400", nil), (#"{"b":1,"a":[2,{"c":null}]}"#, nil), (#""\"\\\n\t\r""#, nil), (#""\u0001\u001f""#, nil),
      (#""\/\b\f""#, #""/\u0008\u000c""#), (#""\u00e9\u20AC""#, #""é€""#), (#""\ud83d\ude00""#, #""😀""#),
      ("\"\u{2028}é😀\"", nil), (#"{"":""}"#, nil), ("[1\n,\t2\r]", "[1,2]"),
    ] as [(String, String?)])
  func text(text: String, written: String?) throws {
    #expect(try JSONValue(parsing: text).description == written ?? text)
  }

  @Test(
    "what is no JSON is refused, saying where",
    arguments: [
      ("", 0, "expected a value"), ("tru", 0, "expected true"), ("nul", 0, "expected null"),
      ("1 2", 2, "expected the end"),
      ("01", 1, "expected the end"), ("-", 1, "expected a digit"), ("1.", 2, "expected a digit"),
      ("+1", 0, "expected a value"),
      ("1e", 2, "expected a digit"), (".5", 0, "expected a value"), ("NaN", 0, "expected a value"),
      ("[1,]", 3, "expected a value"), ("[1", 2, "expected ',' or ']'"), ("{", 1, "expected a name"),
      (#"{"a"}"#, 4, "expected ':'"), (#"{"a":1,}"#, 7, "expected a name"), (#"{"a":1"#, 6, "expected ',' or '}'"),
      ("{1:2}", 1, "expected a name"), (#""a"#, 2, "expected '\"'"), ("\"\n\"", 1, "a control character in a string"),
      (#""\x""#, 2, "an unknown escape"), (#""\"#, 2, "expected an escaped character"),
      (#""\u12""#, 3, "expected four hexadecimal digits"), (#""\u12g4""#, 5, "expected four hexadecimal digits"),
      (#""\ud800""#, 7, "half a surrogate pair"), (#""\ud800\u0041""#, 13, "half a surrogate pair"),
      (#""\udc00""#, 7, "half a surrogate pair"), ("\u{FEFF}1", 0, "expected a value"),
      ("1 // one", 2, "expected the end"),
    ])
  func malformed(text: String, offset: Int, reason: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.offset == offset && error?.reason == reason, "\(error as Any)")
  }

  @Test(
    "bytes that are not UTF-8 are refused",
    arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80]] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]) }
  }

  @Test("values nest 128 levels deep and no deeper")
  func depth() throws {
    let nested = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
    _ = try JSONValue(parsing: nested(128))
    #expect(throws: JSONError.self) { try JSONValue(parsing: nested(129)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: #"{"a":"#, count: 1_000_000)) }
  }

  @Test("every prefix of a text is refused without a crash")
  func prefixes() {
    let text = Array(#"{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00x"],"b":{}}"#.utf8)
    for length in 0..<text.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: text[..<length]) }
    }
  }

  @Test("of a name that comes twice the last value counts, in the first place")
  func duplicates() throws {
    #expect(try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#).description == #"{"a":3,"b":2}"#)
  }

  @Test("names and strings are the same where their bytes are")
  func bytes() throws {
    let value = try JSONValue(parsing: #"{"K":1,"\u212a":2,"\u00e9":3,"e\u0301":4}"#)
    #expect(value.object?.count == 4 && value["K"] == 1 && value["\u{212a}"] == 2)
    #expect(JSONValue.string("K") != .string("\u{212a}") && JSONValue.string("\u{e9}") != .string("e\u{301}"))
    #expect(JSONValue.string("\u{e9}") == .string("\u{e9}"))
  }

  @Test("members are found, replaced, appended and removed, and keep their order")
  func members() throws {
    var value: JSONValue = ["a": 1, "b": [true, nil, "x"], "c": ["d": "e"]]
    #expect(value["a"]?.int == 1 && value["b"]?[2]?.string == "x" && value["c"]?["d"] == "e")
    #expect(value["b"]?[3] == nil && value["b"]?[-1] == nil && value["a"]?["x"] == nil && value[0] == nil)
    value["a"] = nil
    value["e"] = .bool(false)
    value["c"]?["d"] = "f"
    #expect(value.description == #"{"b":[true,null,"x"],"c":{"d":"f"},"e":false}"#)
    #expect(value.object?["b"]?.array?.count == 3 && value["e"]?.bool == false)
    #expect(value == ["e": false, "c": ["d": "f"], "b": [true, nil, "x"]])
    #expect(value.hashValue == (["e": false, "c": ["d": "f"], "b": [true, nil, "x"]] as JSONValue).hashValue)
  }

  @Test("numbers are integers where they are written so and fit")
  func numbers() throws {
    #expect(try JSONValue(parsing: "9223372036854775807").int == .max)
    #expect(try JSONValue(parsing: "9223372036854775808").int == nil)
    #expect(try JSONValue(parsing: "9223372036854775808").double == 9_223_372_036_854_775_808)
    #expect(try JSONValue(parsing: "1.0").int == nil)
    #expect(try JSONValue(parsing: "1e400").double == .infinity)
    #expect(JSONNumber(.infinity) == nil && JSONNumber(0.5)?.text == "0.5")
  }
}
