// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
public import SwiftProtobuf

/// What a hook answers.
public protocol CalloutReply: Sendable {
  /// What goes with the answer.
  var attachments: ReplyAttachments { get set }
}

/// What goes with an answer, whatever it is about. Most have nothing of it, so it takes the room of one pointer.
public struct ReplyAttachments: Sendable {
  package struct Fields: Sendable {
    package var dynamicMetadata: [String: Google_Protobuf_Struct] = [:]
    package var typedDynamicMetadata: [String: Google_Protobuf_Any] = [:]
    package var modeOverride: ModeOverride?
    package var drains: Set<Direction> = []
  }

  private indirect enum Storage: Sendable {
    case none
    case some(Fields)
  }

  private var storage = Storage.none

  public init() {}

  package var isEmpty: Bool {
    if case .none = storage { true } else { false }
  }

  package internal(set) var fields: Fields {
    get { if case .some(let fields) = storage { fields } else { Fields() } }
    set { storage = .some(newValue) }
  }

  /// Writes them as further fields of a ProcessingResponse whose other fields are written already.
  func message(_ modeOverride: ProcessingMode?) -> ProcessingResponseMessage {
    let fields = fields
    return .with {
      if !fields.dynamicMetadata.isEmpty {
        $0.dynamicMetadata.fields = fields.dynamicMetadata.mapValues { Google_Protobuf_Value(structValue: $0) }
      }
      $0.typedDynamicMetadata = fields.typedDynamicMetadata
      if let modeOverride { $0.modeOverride = modeOverride }
      $0.requestDrainRequests = fields.drains.contains(.request)
      $0.requestDrainResponses = fields.drains.contains(.response)
      // For proxies that know only the older field, which is for both.
      $0.requestDrain = fields.drains.count == 2
    }
  }
}

extension CalloutReply {
  /// Dynamic metadata to set, by namespace. Envoy takes it where its filter lists the namespace in
  /// `metadata_options.receiving_namespaces.untyped`, and drops it silently otherwise.
  /// Source: ProcessingResponse.dynamic_metadata.
  public var dynamicMetadata: [String: Google_Protobuf_Struct] {
    get { attachments.fields.dynamicMetadata }
    set { attachments.fields.dynamicMetadata = newValue }
  }

  /// Dynamic metadata with types of its own, by namespace; for namespaces in `receiving_namespaces.typed`.
  /// Source: ProcessingResponse.typed_dynamic_metadata.
  public var typedDynamicMetadata: [String: Google_Protobuf_Any] {
    get { attachments.fields.typedDynamicMetadata }
    set { attachments.fields.typedDynamicMetadata = newValue }
  }

  /// Asks the proxy to send no more pieces of these directions' bodies, so that the callout can leave the stream
  /// without loss (full duplex). Envoy up to 1.40 ignores it. Source: ProcessingResponse.request_drain.
  public var requestDrain: Set<Direction> {
    get { attachments.fields.drains }
    set { attachments.fields.drains = newValue }
  }

  /// The same reply with dynamic metadata of a namespace.
  public func settingMetadata(_ metadata: Google_Protobuf_Struct, in namespace: String) -> Self {
    var reply = self
    reply.dynamicMetadata[namespace] = metadata
    return reply
  }
}

extension HeadersReply {
  /// Changes what the proxy sends from here on. Source: ProcessingResponse.mode_override.
  ///
  /// It is sent only where `configuration.allowModeOverride` says that Envoy will take it.
  public var modeOverride: ModeOverride? {
    get { attachments.fields.modeOverride }
    set { attachments.fields.modeOverride = newValue }
  }

  /// The same reply with a change of what the proxy sends.
  public func overridingMode(_ override: ModeOverride) -> HeadersReply {
    var reply = self
    reply.modeOverride = override
    return reply
  }
}
