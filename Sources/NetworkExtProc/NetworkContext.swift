// SPDX-License-Identifier: Apache-2.0
public import Callouts
internal import EnvoyAPI
public import Logging
public import SwiftProtobuf

/// What lives as long as one connection: its state, and what the proxy told about it.
///
/// Every connection has its own, and its hooks run one at a time, so nothing in it needs a lock.
public final class NetworkContext {
  /// The proxy's address as text, or nil for a Unix-domain socket.
  public let peer: String?
  /// The metadata that the proxy's gRPC call carries, its `grpc_initial_metadata`, in order.
  public let initialMetadata: [(name: String, value: String)]

  /// Logs with the number of the stream.
  public private(set) lazy var logger: Logger = {
    var logger = baseLogger
    logger[metadataKey: "stream"] = "\(streamID)"
    return logger
  }()

  private let baseLogger: Logger
  private let streamID: Int
  private var storage = ContextStorage()
  private var metadataFields: [UInt8] = []
  private var attributeFields: [UInt8] = []

  init(streamID: Int, peer: String?, initialMetadata: [(name: String, value: String)], logger: Logger) {
    self.streamID = streamID
    self.peer = peer
    self.initialMetadata = initialMetadata
    baseLogger = logger
  }

  /// The connection's own value of a key, at first the key's default.
  public subscript<Key: CalloutContextKey>(key: Key.Type) -> Key.Value {
    get { storage[key] }
    set { storage[key] = newValue }
  }

  /// The attributes that the proxy was configured to send (`connection_attributes`), such as `source.address`, by the
  /// name of the filter that sends them. Envoy sends them from 1.40 on. Source: ProcessingRequest.attributes.
  public var attributes: [String: Google_Protobuf_Struct] { decoded(attributeFields).attributes }

  /// One of ext_proc's attributes by its name.
  public func attribute(_ name: String) -> Google_Protobuf_Value? {
    attributes["envoy.filters.network.ext_proc"]?.fields[name]
  }

  /// The dynamic metadata that the proxy was configured to forward, by namespace, as it was last sent.
  /// Source: ProcessingRequest.metadata.filter_metadata.
  public var filterMetadata: [String: Google_Protobuf_Struct] { decoded(metadataFields).metadata.filterMetadata }

  /// The same metadata where it has types of its own. Source: metadata.typed_filter_metadata.
  public var typedFilterMetadata: [String: Google_Protobuf_Any] {
    decoded(metadataFields).metadata.typedFilterMetadata
  }

  func receive(_ request: borrowing NetworkRequest) {
    if !request.metadataFields.isEmpty { metadataFields = request.metadataFields }
    if !request.attributeFields.isEmpty { attributeFields = request.attributeFields }
  }

  /// Attributes and metadata are rare and cold, so they are read by the generated code, and only when asked for.
  private func decoded(_ fields: [UInt8]) -> NetworkRequestMessage {
    (try? NetworkRequestMessage(serializedBytes: fields)) ?? NetworkRequestMessage()
  }
}
