// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Testing

@Suite("metadata")
struct MetadataTests {
  @Test("names are stored in lower case and found in any")
  func caseInsensitive() throws {
    var metadata = Metadata()
    try metadata.append("X-Team", "edge")
    #expect(metadata.map(\.name) == ["x-team"])
    #expect(metadata["X-TEAM"] == "edge")
    metadata.remove("x-TEAM")
    #expect(metadata.isEmpty)
  }

  @Test("values under one name keep their order, and the first is the one subscripted")
  func duplicates() throws {
    var metadata: Metadata = ["a": "1", "b": "2", "a": "3"]
    try metadata.append("A", "4")
    #expect(metadata["a"] == "1")
    #expect(metadata.strings("a") == ["1", "3", "4"])
    #expect(metadata.map(\.name) == ["a", "b", "a", "a"])
    #expect(metadata["c"] == nil)
  }

  @Test("set puts one value in place of all")
  func set() throws {
    var metadata: Metadata = ["a": "1", "b": "2", "a": "3"]
    try metadata.set("A", "4")
    #expect(metadata.strings("a") == ["4"])
    #expect(metadata["b"] == "2")
  }

  @Test("a value refused by set leaves the old ones")
  func refusedSet() {
    var metadata: Metadata = ["a": "1"]
    #expect(throws: GRPCStatus.self) { try metadata.set("a", "\n") }
    #expect(metadata == ["a": "1"])
  }

  @Test(
    "a name that cannot be sent is refused",
    arguments: [
      "", ":path", "a b", "a:b", "naïve", "a\n", "Te", "content-type", "content-length", "connection", "grpc-status",
      "GRPC-x", "\u{212A}A",
    ])
  func refusedNames(name: String) {
    var metadata = Metadata()
    let refusal = #expect(throws: GRPCStatus.self) { try metadata.append(name, "v") }
    #expect(refusal?.code == .internal)
    #expect(metadata.isEmpty)
  }

  @Test("a text that cannot be sent is refused", arguments: ["\n", "a\u{7F}", "é", "\t", " a", "a "])
  func refusedTexts(text: String) {
    var metadata = Metadata()
    #expect(throws: GRPCStatus.self) { try metadata.append("a", text) }
    #expect(metadata.isEmpty)
  }

  @Test("every token character and every printable character is accepted")
  func accepted() throws {
    var metadata = Metadata()
    try metadata.append("!#$%&'*+-.^_`|~019az", "!" + String(decoding: Array(UInt8(0x20)...0x7E), as: UTF8.self))
    try metadata.append("empty", "")
    #expect(metadata.count == 2)
  }

  @Test("bytes need a name in -bin, and such a name needs bytes")
  func binaryNames() throws {
    var metadata = Metadata()
    #expect(throws: GRPCStatus.self) { try metadata.append("a", .binary([1])) }
    #expect(throws: GRPCStatus.self) { try metadata.append("a-bin", "text") }
    try metadata.append("A-Bin", .binary([1]))
    #expect(metadata.binaries("a-bin") == [[1]])
    #expect(metadata["a-bin"] == nil)
  }

  @Test("a literal with a name that cannot be sent stops the program")
  func badLiteral() async {
    await #expect(processExitsWith: .failure) {
      let metadata: Metadata = ["grpc-status": "0"]
      _ = metadata.count
    }
  }

  @Test(
    "bytes travel as base64 without padding",
    arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("~~?>", "fn4/Pg")])
  func base64(text: String, encoded: String) throws {
    var sent = Metadata()
    try sent.append("a-bin", .binary(Array(text.utf8)))
    let pairs = Array(sent.wirePairs)
    #expect(pairs.map(\.name) == ["a-bin"])
    #expect(pairs.map(\.value) == [encoded])

    for padding in encoded.count % 4 == 0 ? [""] : ["", String(repeating: "=", count: 4 - encoded.count % 4)] {
      var received = Metadata()
      #expect(received.appendWire(name: "a-bin", value: (encoded + padding).utf8) == .kept)
      #expect(received == sent)
    }
  }

  @Test("every byte survives the wire")
  func everyByte() throws {
    var sent = Metadata()
    try sent.append("a-bin", .binary(Array(0...255)))
    var received = Metadata()
    for (name, value) in sent.wirePairs { #expect(received.appendWire(name: name, value: value.utf8) == .kept) }
    #expect(received == sent)
  }

  @Test("several byte values in one field are told apart")
  func commaJoined() {
    var metadata = Metadata()
    #expect(metadata.appendWire(name: "a-bin", value: "Zg==,Zm8, Zm9v,".utf8) == .kept)
    #expect(metadata.binaries("a-bin") == ["f", "fo", "foo", ""].map { Array($0.utf8) })
  }

  @Test("a text with commas stays one")
  func commaInText() {
    var metadata = Metadata()
    #expect(metadata.appendWire(name: "A", value: " 1, 2\t".utf8) == .kept)
    #expect(metadata.strings("a") == ["1, 2"])
  }

  @Test(
    "a malformed field received is left out whole, and reported",
    arguments: [
      ("a-bin", "Z"), ("a-bin", "Zg="), ("a-bin", "Zg==="), ("a-bin", "Z=g="), ("a-bin", "Zm9v===="),
      ("a-bin", "Zm9v,Z"), ("a-bin", "Zm_-"), ("a", "é"), ("a", "b\tc"), ("a b", "c"), ("", "c"),
    ])
  func malformed(name: String, value: String) {
    var metadata = Metadata()
    #expect(metadata.appendWire(name: name, value: value.utf8) == .malformed)
    #expect(metadata.isEmpty)
  }

  @Test(
    "a field that is gRPC's or HTTP/2's own is no metadata",
    arguments: [":path", "te", "content-type", "grpc-timeout", "grpc-trace-bin", "Content-Type", "connection"])
  func reserved(name: String) {
    var metadata = Metadata()
    #expect(metadata.appendWire(name: name, value: "v".utf8) == .reserved)
    #expect(metadata.isEmpty)
  }

  @Test("what is received can be sent back as it is")
  func echo() throws {
    var received = Metadata()
    #expect(received.appendWire(name: "a", value: " b ".utf8) == .kept)
    #expect(received.appendWire(name: "c-bin", value: "Zg".utf8) == .kept)
    var echoed = Metadata()
    for entry in received { try echoed.append(entry.name, entry.value) }
    #expect(echoed == received)
  }
}
