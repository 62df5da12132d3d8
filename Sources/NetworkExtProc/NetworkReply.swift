// SPDX-License-Identifier: Apache-2.0
public import NIOCore
public import SwiftProtobuf

/// What a data hook answers: what goes on in place of the bytes, and what becomes of the connection.
///
///     .continue                                   // the bytes, as they came
///     .replace(ByteBuffer(string: "QUIT\r\n"))    // others
///     .drop.injecting("no\n")                     // nothing goes on, and the sender gets an answer
///     .close                                      // nothing goes on, and the connection ends
///
/// The end of a direction passes in any case, after the bytes. Source: `envoy.service.network_ext_proc.v3.ProcessingResponse`.
public struct NetworkReply: Sendable {
  enum Action: Sendable {
    case proceed
    case replace([ByteBuffer])
  }

  /// What becomes of the connection. Source: ProcessingResponse.ConnectionStatus.
  public enum ConnectionStatus: Sendable, Hashable {
    case `continue`, close, closeWithReset
  }

  private(set) var action: Action
  /// What becomes of the connection once the bytes of this reply have gone on.
  public private(set) var connectionStatus = ConnectionStatus.continue
  private(set) var injected: ByteBuffer?
  /// Dynamic metadata to set, by namespace. Envoy takes it, from 1.39 on, where its filter lists the namespace in
  /// `metadata_options.receiving_namespaces.untyped`, and drops it silently otherwise.
  /// Source: ProcessingResponse.dynamic_metadata.
  public var dynamicMetadata: [String: Google_Protobuf_Struct] = [:]
  private(set) var closesStream = false

  private init(_ action: Action) { self.action = action }

  /// The bytes pass as they came.
  public static let `continue` = NetworkReply(.proceed)

  /// Nothing goes on now. A callout that collects bytes keeps them, and lets them pass with a later reply.
  public static let drop = NetworkReply(.replace([]))

  /// Other bytes pass.
  public static func replace(_ bytes: ByteBuffer) -> NetworkReply { NetworkReply(.replace([bytes])) }

  /// Other text passes.
  public static func replace(_ text: String) -> NetworkReply { .replace(ByteBuffer(string: text)) }

  /// Other bytes pass, each chunk in a message of its own.
  public static func replace(chunks: [ByteBuffer]) -> NetworkReply { NetworkReply(.replace(chunks)) }

  /// The connection is closed, and the bytes do not go on.
  public static let close = NetworkReply(ending: .close)

  /// The connection is reset, and the bytes do not go on.
  public static let reset = NetworkReply(ending: .closeWithReset)

  private init(ending: ConnectionStatus) {
    self.init(.replace([]))
    connectionStatus = ending
  }

  /// Other bytes go on than those that came.
  var isModified: Bool {
    if case .proceed = action { false } else { true }
  }

  /// Whether a message with data is sent, be it empty: a connection that is closed needs none.
  var passesData: Bool {
    guard case .replace(let chunks) = action, connectionStatus != .continue else { return true }
    return chunks.contains { $0.readableBytes > 0 }
  }

  /// The same, and then the connection is closed.
  ///
  /// What passes, and what is injected, still arrives.
  public func closing() -> NetworkReply {
    var reply = self
    reply.connectionStatus = .close
    return reply
  }

  /// The same, but nothing passes, and the connection ends.
  func keepingBack() -> NetworkReply {
    var reply = self
    reply.action = .replace([])
    if connectionStatus == .continue { reply.connectionStatus = .close }
    return reply
  }

  /// The same, but before that the other side gets this text: the client, from `onReadData`.
  public func injecting(_ text: String) -> NetworkReply { injecting(ByteBuffer(string: text)) }

  /// The same, but before that the other side gets these bytes: the client, from `onReadData`.
  ///
  /// They arrive before anything that is on its way to it. Into a direction that has ended nothing can be injected; that
  /// is logged, and the rest of the reply holds.
  public func injecting(_ bytes: ByteBuffer) -> NetworkReply {
    var reply = self
    reply.injected = bytes
    return reply
  }

  /// The same with dynamic metadata of a namespace.
  public func settingMetadata(_ metadata: Google_Protobuf_Struct, in namespace: String) -> NetworkReply {
    var reply = self
    reply.dynamicMetadata[namespace] = metadata
    return reply
  }

  /// The same, and the proxy asks no more about this connection, whose bytes pass on their own from then on.
  ///
  /// What Envoy has sent here meanwhile is lost, so this is for a moment when neither side sends, such as after a
  /// greeting that has to be answered. Envoy up to 1.38 ignores it, and goes on asking.
  /// Source: ProcessingResponse.close_stream_to_ext_proc_server.
  public func closingStream() -> NetworkReply {
    var reply = self
    reply.closesStream = true
    return reply
  }
}
