// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

/// One message to the proxy: a small head, and the data's bytes behind it, so that these need not be copied.
///
/// Source: `envoy.service.network_ext_proc.v3.ProcessingResponse`, whose data is written last for that.
struct NetworkMessage {
  // ProcessingResponse{read_data = 1, write_data = 2: Data{data = 1, end_of_stream = 2}, data_processing_status = 3,
  // connection_status = 4, dynamic_metadata = 5, close_stream_to_ext_proc_server = 6}

  /// What the message ends with: a whole data field, the bytes of one, or nothing.
  let rest: ByteBuffer
  let headLength: Int

  private let content: Content
  /// The serialized field `dynamic_metadata`, or nothing.
  private let metadata: [UInt8]
  private let closesStream: Bool

  private enum Content {
    /// The field that came, as it came.
    case same
    case other(NetworkDirection, endOfStream: Bool)
    case status(NetworkReply.ConnectionStatus)
  }

  /// Lets pass what came.
  init(passing field: ByteBuffer, _ attachments: Attachments) {
    self.init(.same, rest: field, attachments)
  }

  /// Lets other bytes pass.
  init(
    _ direction: NetworkDirection, _ bytes: ByteBuffer, endOfStream: Bool, _ attachments: Attachments = Attachments()
  ) {
    self.init(.other(direction, endOfStream: endOfStream), rest: bytes, attachments)
  }

  /// Says what becomes of the connection.
  init(_ status: NetworkReply.ConnectionStatus, _ attachments: Attachments = Attachments()) {
    self.init(.status(status), rest: ByteBuffer(), attachments)
  }

  /// What goes with one of a reply's messages.
  struct Attachments {
    var metadata: [UInt8] = []
    var closesStream = false
  }

  private init(_ content: Content, rest: ByteBuffer, _ attachments: Attachments) {
    self.content = content
    self.rest = rest
    metadata = attachments.metadata
    closesStream = attachments.closesStream
    var length = 2 + metadata.count + (closesStream ? 2 : 0)
    if case .other(_, let endOfStream) = content {
      let data = Self.dataLength(rest, endOfStream: endOfStream)
      length += Protobuf.sizeOfField(data) - rest.readableBytes
    }
    headLength = length
  }

  private static func dataLength(_ bytes: ByteBuffer, endOfStream: Bool) -> Int {
    Protobuf.sizeOfField(bytes.readableBytes) + (endOfStream ? 2 : 0)
  }

  func writeHead(to buffer: inout ByteBuffer) {
    buffer.writeProtobuf(size: headLength) { writer in
      switch content {
      case .same: writer.varint(field: 3, Self.unmodified)
      case .other: writer.varint(field: 3, Self.modified)
      case .status(let status): writer.varint(field: 4, status.number)
      }
      writer.array(metadata)
      if closesStream { writer.varint(field: 6, 1) }
      if case .other(let direction, let endOfStream) = content {
        writer.head(field: direction.field, length: Self.dataLength(rest, endOfStream: endOfStream))
        if endOfStream { writer.varint(field: 2, 1) }
        writer.head(field: 1, length: rest.readableBytes)
      }
    }
  }

  private static let unmodified: UInt64 = 1
  private static let modified: UInt64 = 2
}

extension NetworkMessage.Attachments {
  init(_ reply: NetworkReply) {
    if !reply.dynamicMetadata.isEmpty {
      let message = NetworkResponseMessage.with {
        $0.dynamicMetadata.fields = reply.dynamicMetadata.mapValues { Google_Protobuf_Value(structValue: $0) }
      }
      // A Struct that a program holds can always be written.
      metadata = (try? message.serializedBytes()) ?? []
    }
    closesStream = reply.closesStream
  }
}

extension NetworkReply.ConnectionStatus {
  fileprivate var number: UInt64 {
    switch self {
    case .continue: 0
    case .close: 1
    case .closeWithReset: 2
    }
  }
}
