// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import NetworkExtProc

@Suite("Reading a network request")
struct NetworkRequestTests {
  @Test("whatever the generated code writes is read as it reads it")
  func agreement() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let message = Self.random(&generator)
      let request = try NetworkRequest(serialized: ByteBuffer(bytes: try message.serializedBytes() as [UInt8]))
      #expect(request.direction == (message.hasReadData ? .read : message.hasWriteData ? .write : nil))
      let data = message.hasReadData ? message.readData : message.writeData
      #expect(Array(buffer: request.data.bytes) == Array(data.data))
      #expect(request.data.endOfStream == data.endOfStream)
      let rest = try NetworkRequestMessage(serializedBytes: request.metadataFields + request.attributeFields)
      #expect(rest.metadata == message.metadata)
      #expect(rest.attributes == message.attributes)
      // The field as it is makes the response that lets the bytes pass.
      let response = try NetworkResponseMessage(serializedBytes: Array(buffer: request.field))
      #expect(response.hasReadData == message.hasReadData && response.hasWriteData == message.hasWriteData)
      #expect(response.readData == message.readData && response.writeData == message.writeData)
    }
  }

  private static func random(_ generator: inout SystemRandomNumberGenerator) -> NetworkRequestMessage {
    .with { message in
      let data = Data((0..<Int.random(in: 0...300, using: &generator)).map { _ in UInt8.random(in: 0...255) })
      let end = Bool.random(using: &generator)
      switch Int.random(in: 0...4, using: &generator) {
      case 0, 1:
        message.readData.data = data
        message.readData.endOfStream = end
      case 2, 3:
        message.writeData.data = data
        message.writeData.endOfStream = end
      default: break
      }
      if Bool.random(using: &generator) { message.metadata.filterMetadata["ns"] = ["a": 1] }
      if Bool.random(using: &generator) { message.attributes["f"] = ["source.address": "x"] }
    }
  }

  @Test("an unknown field is passed over")
  func unknown() throws {
    var bytes: [UInt8] = [0x7a, 2, 1, 2, 0x78, 5]
    bytes += try NetworkRequestMessage.readData("abc").serializedBytes() as [UInt8]
    #expect(try NetworkRequest(serialized: ByteBuffer(bytes: bytes)).data.string == "abc")
  }

  @Test(
    "what is no request is refused",
    arguments: [
      [0x0a], [0x0a, 5, 1], [0x0a, 2, 0x0a, 9], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x0b],
      // Data twice, which cannot be told from bytes that were cut in two.
      [0x0a, 0, 0x0a, 0], [0x0a, 0, 0x12, 0],
    ] as [[UInt8]])
  func malformed(bytes: [UInt8]) {
    let error = #expect(throws: CalloutError.self) { try NetworkRequest(serialized: ByteBuffer(bytes: bytes)) }
    #expect(error?.code == .malformedRequest)
  }
}
