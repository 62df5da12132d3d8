// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

// swift-protobuf's reading of the same bytes is the measure. The lazy codec is laxer on purpose in three ways: text is
// not checked to be UTF-8; parts that nobody asks for (attributes, metadata, windows) are only checked to be protobuf
// fields; and of a oneof that is set twice only the last is read.

@Suite("ProcessingRequest")
struct ProcessingRequestTests {
  @Test("accepts and refuses what swift-protobuf does when a message is cut at any byte")
  func agreesOnTruncated() throws {
    var requests = RandomRequest(random: Seeded(5), hasLazyParts: false)
    for _ in 0..<200 {
      let bytes = requests.next()
      for length in 0...bytes.count { try requireAgreement(Array(bytes.prefix(length))) }
    }
  }

  @Test("numbers of any length are read, or refused, as swift-protobuf does", arguments: 0...12)
  func longVarints(padding: Int) throws {
    for value in [0, 1, 1 << 62, UInt64.max] {
      try requireAgreement(Wire.tag(10, 0) + Wire.varint(value, padding: padding))
      try requireAgreement(Wire.bytes(4, Wire.tag(2, 0) + Wire.varint(value, padding: padding)))
      try requireAgreement(Wire.varint(10 << 3, padding: padding) + [1])
      try requireAgreement(Wire.tag(4, 2) + Wire.varint(0, padding: padding))
      try requireAgreement(Wire.tag(4, 2) + Wire.varint(value, padding: padding))
      try requireAgreement(Wire.tag(100, 0) + Wire.varint(value, padding: padding))
    }
    for last in 0...0x7f as ClosedRange<UInt8> {
      try requireAgreement(Wire.tag(10, 0) + Array(repeating: 0x80, count: padding) + [last])
      try requireAgreement(Array(repeating: 0xd0, count: padding) + [last] + [0])
    }
  }

  @Test(
    "tags that are none are refused", arguments: [[0x00, 0x00], [0x06, 0x00], [0x57, 0x00], [0x04], [0x02, 0x00]])
  func badTags(bytes: [UInt8]) throws {
    try requireAgreement(bytes)
    try requireAgreement(Wire.bytes(2, bytes))
    try requireAgreement(Wire.bytes(4, bytes))
    try requireAgreement(Wire.bytes(2, Wire.bytes(1, Wire.bytes(1, bytes))))
    #expect(throws: CalloutError.self) { try Reading(lazily: bytes) }
  }

  @Test(
    "groups that nobody knows are passed over as deep as swift-protobuf goes",
    arguments: [1, 50, 98, 99, 100, 101, 500])
  func nestedGroups(depth: Int) throws {
    var bytes: [UInt8] = []
    for _ in 0..<depth { bytes = Wire.group(20, bytes) }
    try requireAgreement(bytes)
    try requireAgreement(Wire.group(20, bytes + Wire.tag(21, 4)))
  }

  @Test("text that is not UTF-8 is repaired, and given as bytes as it was sent")
  func invalidText() throws {
    let header = Wire.bytes(1, Array("x-h".utf8)) + Wire.bytes(2, [0x61, 0xff])
    let bytes = Wire.bytes(2, Wire.bytes(1, Wire.bytes(1, header)))
    #expect(throws: BinaryDecodingError.invalidUTF8) { try ProcessingRequestMessage(serializedBytes: bytes) }
    let headers = try ProcessingRequest(serialized: ByteBuffer(bytes: bytes)).headers()
    #expect(headers["x-h"] == "a\u{fffd}")
    #expect(headers.bytes(of: "x-h") == [0x61, 0xff])
  }

  @Test("the whole request is there as the generated message")
  func message() throws {
    let message = ProcessingRequestMessage.requestHeaders([":path": "/"]).withAttributes(["a": "b"])
    let request = try ProcessingRequest(serialized: message.serialized())
    #expect(try request.message() == message)
  }

  private func requireAgreement(_ bytes: [UInt8]) throws {
    let expected = try? Reading(eagerly: bytes)
    let reading = try? Reading(lazily: bytes)
    try #require(reading == expected, "\(bytes)")
  }
}
