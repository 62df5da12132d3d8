// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
package import NIOCore
internal import SwiftProtobuf

/// What the part of an HTTP exchange is that the proxy asks about.
public enum Phase: Int, Sendable, Hashable, CaseIterable {
  // The raw values are the field numbers of the request's oneof.
  case requestHeaders = 2
  case responseHeaders
  case requestBody
  case responseBody
  case requestTrailers
  case responseTrailers

  /// The direction that the part belongs to.
  public var direction: Direction {
    switch self {
    case .requestHeaders, .requestBody, .requestTrailers: .request
    case .responseHeaders, .responseBody, .responseTrailers: .response
    }
  }
}

/// From the client to the upstream, or back.
public enum Direction: Sendable, Hashable, CaseIterable {
  case request, response
}

/// One question of the proxy, read lazily from the received bytes.
///
/// Source: `envoy.service.ext_proc.v3.ProcessingRequest`.
public struct ProcessingRequest: Sendable {
  /// What the request is about, or nil where it carries only settings.
  public let phase: Phase?
  /// The proxy only watches: it takes no answer.
  public let observabilityMode: Bool

  let protocolConfiguration: ProtocolConfiguration?
  /// As it came, or nil where `lazyHeaders` has what there is.
  let serialized: ByteBuffer?
  /// Headers of a request that no proxy sent.
  var lazyHeaders: LazyHeaders?
  /// Where in `serialized` the part that the request is about lies.
  let contentRange: Range<Int>
  var extras: Extras?

  /// What few requests have, kept apart so that the others are cheap to pass on.
  final class Extras: Sendable {
    let metadataFields: [UInt8]
    let attributeFields: [UInt8]
    let joined: [UInt8]?
    let flowControl: FlowControl?
    /// The body that was collected from earlier requests and this one.
    let collected: HTTPBody?

    init(
      metadataFields: [UInt8] = [], attributeFields: [UInt8] = [], joined: [UInt8]? = nil,
      flowControl: FlowControl? = nil, collected: HTTPBody? = nil
    ) {
      self.metadataFields = metadataFields
      self.attributeFields = attributeFields
      self.joined = joined
      self.flowControl = flowControl
      self.collected = collected
    }
  }

  /// Serialized occurrences of the field `metadata_context`, tags included.
  var metadataFields: [UInt8] { extras?.metadataFields ?? [] }
  /// Serialized occurrences of the field `attributes`, tags included.
  var attributeFields: [UInt8] { extras?.attributeFields ?? [] }

  /// What the proxy says about ext_proc's own flow control.
  package var flowControl: FlowControl? { extras?.flowControl }

  struct ProtocolConfiguration: Sendable, Hashable {
    var requestBodyMode = BodySendMode.none
    var responseBodyMode = BodySendMode.none
    var sendsBodyWithoutWaiting = false
  }

  package struct FlowControl: Sendable, Hashable {
    package struct Both: Sendable, Hashable { package var request: Int64 = 0, response: Int64 = 0 }
    package struct Start: Sendable, Hashable { package var receiving = Both(), sending = Both() }

    /// `flow_control_init`: what the proxy may send, and what it takes.
    package var start: Start?
    /// `client_window_update`: what it takes more.
    package var increments: Both?
  }

  private var content: ByteBuffer {
    if let joined = extras?.joined { return ByteBuffer(bytes: joined) }
    guard var content = serialized else { return ByteBuffer() }
    content.moveReaderIndex(forwardBy: contentRange.lowerBound)
    content.moveWriterIndex(to: content.readerIndex + contentRange.count)
    return content
  }

  /// The headers of a header request, or the trailers of a trailer request.
  ///
  /// Throws `CalloutError` where the bytes are no header map.
  public func headers() throws(CalloutError) -> HTTPHeaders {
    if serialized == nil, let lazyHeaders { return HTTPHeaders(lazyHeaders) }
    return try HTTPHeaders(content)
  }

  /// Copies headers that nobody has read yet, for they are about to change or to go.
  package func copyHeaders() { lazyHeaders?.copy() }

  /// Gives headers up that nobody has read yet, and copies them if somebody is left who could read them.
  package mutating func giveUpHeaders() {
    if lazyHeaders != nil, !isKnownUniquelyReferenced(&lazyHeaders) { copyHeaders() }
    lazyHeaders = nil
  }

  /// The body of a body request: what the proxy sent, or what was collected where the callout is to have it whole.
  ///
  /// Throws `CalloutError` where the bytes are no body.
  public func body() throws(CalloutError) -> HTTPBody {
    if let collected = extras?.collected { return collected }
    return try HTTPBody(content)
  }

  /// The body is what was collected from several requests.
  package var isCollected: Bool { extras?.collected != nil }

  /// The same request about the body that it completes.
  package func completing(_ body: HTTPBody) -> ProcessingRequest {
    var request = self
    request.extras = Extras(collected: body)
    return request
  }

  /// The whole request as the generated message, with all that this type does not show.
  public func message() throws -> ProcessingRequestMessage {
    var all = serialized.map { Array(buffer: $0) } ?? attributeFields
    if let phase, let headers = lazyHeaders?.message {
      all.appendProtobuf(size: Protobuf.sizeOfField(headers.readableBytes)) {
        $0.bytes(field: phase.rawValue, headers)
      }
    }
    return try ProcessingRequestMessage(serializedBytes: all)
  }
}

extension ProcessingRequest {
  /// Reads a serialized request; throws `CalloutError` where the bytes are none.
  package init(serialized: consuming ByteBuffer) throws(CalloutError) {
    var scan = Scan()
    try serialized.readProtobuf { bytes throws(CalloutError) in try scan.read(bytes) }
    self.init(
      phase: scan.phase, observabilityMode: scan.observabilityMode, protocolConfiguration: scan.protocolConfiguration,
      serialized: serialized, lazyHeaders: nil, contentRange: scan.content, extras: scan.extras)
  }

  /// One pass over the top-level fields. Repeated fields follow protobuf's rules: of a oneof the last one counts,
  /// and a message that comes twice is merged, which is what joining its bytes does.
  private struct Scan: ~Copyable {
    var phase: Phase?
    var content = 0..<0
    var joined: [UInt8]?
    var observabilityMode = false
    var protocolConfiguration: ProtocolConfiguration?
    var metadataFields: [UInt8] = []
    var attributeFields: [UInt8] = []
    var flowControl: FlowControl?

    var extras: Extras? {
      let hasNone = metadataFields.isEmpty && attributeFields.isEmpty && joined == nil && flowControl == nil
      return hasNone
        ? nil
        : Extras(
          metadataFields: metadataFields, attributeFields: attributeFields, joined: joined, flowControl: flowControl)
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(CalloutError) {
      var reader = ProtobufReader(bytes)
      while true {
        let start = reader.offset
        guard let tag = try reader.nextTag() else { return }
        switch (tag.field, tag.wireType) {
        case (2...7, .lengthDelimited): setContent(Phase(rawValue: tag.field)!, try reader.readRange(), bytes)
        case (8, .lengthDelimited):
          // Envoy always sends this message, nearly always empty.
          if try !reader.readRange().isEmpty { metadataFields += bytes[start..<reader.offset] }
        case (9, .lengthDelimited):
          _ = try reader.readRange()
          attributeFields += bytes[start..<reader.offset]
        case (10, .varint): observabilityMode = try reader.readVarint() != 0
        case (11, .lengthDelimited): try readProtocolConfiguration(bytes, try reader.readRange())
        case (12, .lengthDelimited): try readFlowControlStart(bytes, try reader.readRange())
        case (13, .lengthDelimited): try readWindowIncrements(bytes, try reader.readRange())
        default: try reader.skip(tag)
        }
      }
    }

    private mutating func setContent(_ phase: Phase, _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer) {
      if phase == self.phase {
        joined = (joined ?? Array(bytes[content])) + bytes[range]
      } else {
        joined = nil
      }
      self.phase = phase
      content = range
    }

    private mutating func readProtocolConfiguration(
      _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(CalloutError) {
      var configuration = protocolConfiguration ?? ProtocolConfiguration()
      var reader = ProtobufReader(bytes, range: range)
      while let tag = try reader.nextTag() {
        switch (tag.field, tag.wireType) {
        case (1, .varint): configuration.requestBodyMode = Self.mode(try reader.readVarint())
        case (2, .varint): configuration.responseBodyMode = Self.mode(try reader.readVarint())
        case (3, .varint): configuration.sendsBodyWithoutWaiting = try reader.readVarint() != 0
        default: try reader.skip(tag)
        }
      }
      protocolConfiguration = configuration
    }

    private mutating func readFlowControlStart(
      _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(CalloutError) {
      var start = flowControl?.start ?? FlowControl.Start()
      var reader = ProtobufReader(bytes, range: range)
      while let tag = try reader.nextTag() {
        switch (tag.field, tag.wireType) {
        case (1, .varint): start.receiving.request = Int64(bitPattern: try reader.readVarint())
        case (2, .varint): start.sending.request = Int64(bitPattern: try reader.readVarint())
        case (3, .varint): start.receiving.response = Int64(bitPattern: try reader.readVarint())
        case (4, .varint): start.sending.response = Int64(bitPattern: try reader.readVarint())
        default: try reader.skip(tag)
        }
      }
      flowControl = FlowControl(start: start, increments: flowControl?.increments)
    }

    private mutating func readWindowIncrements(
      _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(CalloutError) {
      var increments = flowControl?.increments ?? FlowControl.Both()
      var reader = ProtobufReader(bytes, range: range)
      while let tag = try reader.nextTag() {
        switch (tag.field, tag.wireType) {
        case (1, .varint): increments.request = Int64(bitPattern: try reader.readVarint())
        case (2, .varint): increments.response = Int64(bitPattern: try reader.readVarint())
        default: try reader.skip(tag)
        }
      }
      flowControl = FlowControl(start: flowControl?.start, increments: increments)
    }

    private static func mode(_ value: UInt64) -> BodySendMode {
      let value = Int(Int32(truncatingIfNeeded: value))
      return BodySendMode(rawValue: value) ?? .UNRECOGNIZED(value)
    }
  }
}
