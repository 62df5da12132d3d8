// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Testing

@Suite("header fields")
struct HeaderFieldsTests {
  @Test("fields keep their order and their duplicates")
  func order() {
    var fields: HeaderFields = ["b": "1", "a": "2"]
    fields.append("b", "3")
    #expect(fields.pairs == ["b: 1", "a: 2", "b: 3"])
    #expect(fields.count == 3)
    #expect(fields["b"] == "1")
    #expect(fields.description == "b: 1\na: 2\nb: 3")
  }

  @Test("a field not there has no value, and an empty value is one")
  func emptyValue() {
    let fields: HeaderFields = ["empty": "", "next": "x"]
    #expect(fields["empty"] == "")
    #expect(fields["next"] == "x")
    #expect(fields["missing"] == nil)
    #expect(fields["empt"] == nil)
    #expect(fields.pairs == ["empty: ", "next: x"])
  }

  @Test("no fields at all take no size and have no values")
  func none() {
    let fields = HeaderFields()
    #expect(fields.count == 0)
    #expect(fields.listSize == 0)
    #expect(fields["a"] == nil)
    #expect(fields.pairs.isEmpty)
  }

  @Test("the list size is names, values and 32 bytes a field")
  func listSize() {
    var fields = HeaderFields(reservingBytes: 100)
    #expect(fields.listSize == 0)
    fields.append("name", "value")
    #expect(fields.listSize == 4 + 5 + 32)
    fields.append("empty", "")
    #expect(fields.listSize == 4 + 5 + 32 + 5 + 32)
  }

  @Test("bytes that are no UTF-8 are kept, and repaired only as text")
  func invalidUTF8() {
    var fields = HeaderFields()
    let name = Array("x".utf8)
    let value: [UInt8] = [0x61, 0xFF, 0x62]
    name.withUnsafeBufferPointer { name in
      value.withUnsafeBufferPointer { fields.append(name: name, value: $0) }
    }
    #expect(fields.withValue(of: "x", Array.init) == value)
    #expect(fields["x"] == "a\u{FFFD}b")
  }

  @Test("a value longer than 64 KiB stays whole")
  func longValue() {
    let value = String(repeating: "v", count: 100_000)
    let fields: HeaderFields = ["long": value, "after": "x"]
    #expect(fields["long"] == value)
    #expect(fields["after"] == "x")
  }

  @Test("a copy is not changed by what is appended to the original")
  func copies() {
    var fields: HeaderFields = ["a": "1"]
    let copy = fields
    fields.append("b", "2")
    #expect(copy.pairs == ["a: 1"])
    #expect(fields.count == 2)
  }
}
