// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
public import Logging
public import SwiftProtobuf

/// What lives as long as one HTTP exchange: its state, and what the proxy told about it.
///
/// Every stream has its own, and its hooks run one at a time, so nothing in it needs a lock.
public final class CalloutContext {
  /// The proxy's address as text, or nil for a Unix-domain socket.
  public let peer: String?

  /// Logs with the number of the stream.
  public var logger: Logger {
    var logger = baseLogger
    logger[metadataKey: "stream"] = "\(streamID)"
    return logger
  }

  private let baseLogger: Logger
  private let streamID: Int
  /// The stream while it lasts. It is longer there than any hook runs, and so is not counted.
  private unowned(unsafe) var stream: (any CalloutStream)?
  private var storage = ContextStorage()
  private var metadataFields: [UInt8] = []
  /// Those of each direction, for their values by filter are to be joined, which protobuf would not do.
  private var requestAttributeFields: [UInt8] = []
  private var responseAttributeFields: [UInt8] = []

  package init(streamID: Int, peer: String?, logger: Logger) {
    self.streamID = streamID
    self.peer = peer
    baseLogger = logger
  }

  /// Joins the context to its stream, which takes itself away again when it ends.
  package func setStream(_ stream: (any CalloutStream)?) { self.stream = stream }

  /// The stream's own value of a key, at first the key's default.
  public subscript<Key: CalloutContextKey>(key: Key.Type) -> Key.Value {
    get { storage[key] }
    set { storage[key] = newValue }
  }

  /// The attributes that the proxy was configured to send, such as `source.address`, by the name of the filter that
  /// sends them; those of both directions once both were sent. Source: ProcessingRequest.attributes.
  public var attributes: [String: Google_Protobuf_Struct] {
    [requestAttributeFields, responseAttributeFields].reduce(into: [:]) { attributes, fields in
      for (filter, values) in decoded(fields).attributes {
        attributes[filter, default: Google_Protobuf_Struct()].fields.merge(values.fields) { $1 }
      }
    }
  }

  /// One of ext_proc's attributes by its name.
  public func attribute(_ name: String) -> Google_Protobuf_Value? {
    attributes["envoy.filters.http.ext_proc"]?.fields[name]
  }

  /// The dynamic metadata that the proxy was configured to forward, by namespace, as it was last sent.
  /// Source: ProcessingRequest.metadata_context.filter_metadata.
  ///
  /// Within Envoy it is what is there when a hook begins, of all namespaces, but for values that are nested.
  public var filterMetadata: [String: Google_Protobuf_Struct] {
    metadataFields.isEmpty
      ? stream?.filterMetadata ?? [:] : decoded(metadataFields).metadataContext.filterMetadata
  }

  /// The same metadata where it has types of its own. Source: metadata_context.typed_filter_metadata.
  public var typedFilterMetadata: [String: Google_Protobuf_Any] {
    decoded(metadataFields).metadataContext.typedFilterMetadata
  }

  /// The metadata that the proxy's gRPC call carries, its `grpc_initial_metadata`, in order.
  public var initialMetadata: [(name: String, value: String)] { stream?.callMetadata ?? [] }

  /// Asks Envoy to wait longer for the answer that the hook is at work on: for so much time from now on.
  ///
  /// Envoy grants it once for each answer, between 1 ms and its filter's `max_message_timeout`, whose default of 0
  /// grants nothing; a second request for one answer is not sent. There is nothing to extend in the full duplex and
  /// GRPC body modes. Source: ProcessingResponse.override_message_timeout.
  public func overrideMessageTimeout(_ timeout: Duration) { stream?.overrideMessageTimeout(timeout) }

  package func receive(_ request: ProcessingRequest) {
    if !request.metadataFields.isEmpty { metadataFields = request.metadataFields }
    guard !request.attributeFields.isEmpty else { return }
    if request.phase?.direction == .response {
      responseAttributeFields = request.attributeFields
    } else {
      requestAttributeFields = request.attributeFields
    }
  }

  /// Attributes and metadata are rare and cold, so they are read by the generated code, and only when asked for.
  private func decoded(_ fields: [UInt8]) -> ProcessingRequestMessage {
    (try? ProcessingRequestMessage(serializedBytes: fields)) ?? ProcessingRequestMessage()
  }
}

/// What a context asks of its stream; may be called from where a hook runs.
package protocol CalloutStream: AnyObject {
  /// The metadata of the call that carries the stream, in order.
  var callMetadata: [(name: String, value: String)] { get }
  /// The dynamic metadata that no message of the proxy's tells.
  var filterMetadata: [String: Google_Protobuf_Struct] { get }
  /// Asks the proxy for more time.
  func overrideMessageTimeout(_ timeout: Duration)
}

extension CalloutStream {
  package var filterMetadata: [String: Google_Protobuf_Struct] { [:] }
}
