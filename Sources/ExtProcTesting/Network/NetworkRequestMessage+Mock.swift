// SPDX-License-Identifier: Apache-2.0
public import NetworkExtProc
public import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

// What Envoy sends about a connection, as values to send in a test:
//
//     .readData("hello").withAttributes(["source.address": "10.0.0.1:80"])
//     .writeData("", endOfStream: true)

extension NetworkRequestMessage {
  /// Makes a message with bytes from the client.
  public static func readData(_ text: String, endOfStream: Bool = false) -> Self {
    readData(bytes: Array(text.utf8), endOfStream: endOfStream)
  }

  /// Makes a message with bytes from the upstream.
  public static func writeData(_ text: String, endOfStream: Bool = false) -> Self {
    writeData(bytes: Array(text.utf8), endOfStream: endOfStream)
  }

  /// Makes a message with bytes from the client that need not be text.
  public static func readData(bytes: [UInt8], endOfStream: Bool = false) -> Self {
    with {
      $0.readData.data = Data(bytes)
      $0.readData.endOfStream = endOfStream
    }
  }

  /// Makes a message with bytes from the upstream that need not be text.
  public static func writeData(bytes: [UInt8], endOfStream: Bool = false) -> Self {
    with {
      $0.writeData.data = Data(bytes)
      $0.writeData.endOfStream = endOfStream
    }
  }

  /// The same message with attributes of the connection.
  public func withAttributes(_ attributes: [String: Google_Protobuf_Value]) -> Self {
    changed { $0.attributes["envoy.filters.network.ext_proc", default: .init()].fields.merge(attributes) { $1 } }
  }

  /// The same message with dynamic metadata under a namespace.
  public func withMetadata(_ metadata: [String: Google_Protobuf_Value], in namespace: String) -> Self {
    changed { $0.metadata.filterMetadata[namespace, default: .init()].fields.merge(metadata) { $1 } }
  }

  private func changed(_ change: (inout Self) -> Void) -> Self {
    var message = self
    change(&message)
    return message
  }
}
