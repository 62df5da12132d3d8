// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension Message {
  /// The message as bytes that are the same for the same content, so that a version can be made of them.
  ///
  /// Serialization fails only where required fields are missing, which no message of Envoy's has.
  var stableBytes: [UInt8] {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    return (try? serializedBytes(partial: true, options: options)) ?? []
  }
}

extension Google_Protobuf_Any {
  static let typePrefix = "type.googleapis.com/"

  /// A message in an envelope whose bytes are the same for the same content.
  ///
  /// An `Any` made by swift-protobuf serializes its maps in any order.
  init<Content: Message>(stable message: Content) {
    self.init()
    typeURL = Self.typePrefix + Content.protoMessageName
    value = Data(message.stableBytes)
  }

  /// The message, if it is of that type and can be read.
  func unpacked<Content: Message>(as type: Content.Type = Content.self) -> Content? {
    isA(type) ? try? Content(serializedBytes: value) : nil
  }

  static func url<Content: Message>(of type: Content.Type) -> String { typePrefix + Content.protoMessageName }
}
