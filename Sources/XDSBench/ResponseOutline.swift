// SPDX-License-Identifier: Apache-2.0
import Callouts
import NIOCore

/// What a client has to know of a discovery response of either variant, whose fields have the same numbers.
struct ResponseOutline {
  private(set) var version = ""
  private(set) var nonce = ""
  private(set) var resources = 0

  /// What is no such message has nothing.
  init(_ message: ByteBuffer) {
    self = (try? message.readProtobuf { bytes throws(CalloutError) in try Self(bytes) }) ?? Self()
  }

  private init() {}

  private init(_ bytes: UnsafeRawBufferPointer) throws(CalloutError) {
    var reader = ProtobufReader(bytes)
    while let tag = try reader.nextTag() {
      switch (tag.field, tag.wireType) {
      case (1, .lengthDelimited): version = String(decoding: bytes[try reader.readRange()], as: UTF8.self)
      case (2, .lengthDelimited):
        _ = try reader.readRange()
        resources += 1
      case (5, .lengthDelimited): nonce = String(decoding: bytes[try reader.readRange()], as: UTF8.self)
      default: try reader.skip(tag)
      }
    }
  }
}
