// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
package import NIOCore
package import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A named piece of configuration: a version of what its content is, and bytes that all streams share.
///
/// It knows nothing of what its bytes mean: typed messages become resources in `XDSConfig`.
public final class Resource: Sendable {
  public let type: ResourceType
  public let name: String
  /// What tells this content from another, made of the content itself: the same after a restart and on every replica.
  public let version: String
  /// Other names that a client may subscribe to it by, such as `<route configuration>/<host>` for a virtual host.
  public let aliases: [String]
  /// How long a client may keep it without hearing of it again, or nil for ever.
  public let ttl: Duration?
  /// The resources that it uses or makes the client ask for.
  public let references: Set<ResourceReference>

  /// Field 2 of a `DeltaDiscoveryResponse`: a whole `envoy.service.discovery.v3.Resource`.
  package let deltaField: ByteBuffer
  /// Field 2 of a `DiscoveryResponse`, an `Any`: it is the same bytes as field 2 of the `Resource` inside `deltaField`.
  package let sotwField: ByteBuffer

  /// Encodes a resource.
  ///
  /// - Parameters:
  ///   - body: the serialized message of the type.
  ///   - version: made of the other parameters when it is nil; two contents must never share one.
  public init(
    _ type: ResourceType, name: String, body: [UInt8], aliases: [String] = [], ttl: Duration? = nil,
    references: Set<ResourceReference> = [], version: String? = nil
  ) {
    let version = version ?? ContentVersion.of(type, name, body, aliases, ttl)
    self.type = type
    self.name = name
    self.version = version
    self.aliases = aliases
    self.ttl = ttl
    self.references = references

    var any = Google_Protobuf_Any()
    any.typeURL = type.typeURL
    any.value = Data(body)
    var resource = Envoy_Service_Discovery_V3_Resource()
    resource.version = version
    resource.resource = any
    resource.name = name
    resource.aliases = aliases
    if let ttl { resource.ttl = Google_Protobuf_Duration(ttl) }
    (deltaField, sotwField) = Self.encode(resource)
  }

  private static func encode(_ resource: Envoy_Service_Discovery_V3_Resource) -> (delta: ByteBuffer, sotw: ByteBuffer) {
    // A message of fields whose lengths fit in memory serializes; only required fields could be missing, of proto2.
    let bytes = (try? resource.serializedBytes() as [UInt8]) ?? []
    let anyLength = (try? resource.resource.serializedBytes() as [UInt8])?.count ?? 0
    var buffer = ByteBuffer()
    buffer.writeField(2, length: bytes.count)
    let start =
      buffer.writerIndex + (resource.version.isEmpty ? 0 : ByteBuffer.fieldLength(resource.version.utf8.count))
    buffer.writeBytes(bytes)
    let sotw = buffer.getSlice(at: start, length: ByteBuffer.fieldLength(anyLength))
    return (buffer, sotw ?? ByteBuffer())
  }

  /// The resource as an `Any`, decoded from what is sent.
  package var message: Google_Protobuf_Any {
    var field = sotwField
    field.readFieldPrefix()
    return (try? Google_Protobuf_Any(serializedBytes: Array(field.readableBytesView))) ?? Google_Protobuf_Any()
  }

  /// Field 2 of a `DiscoveryResponse` for clients that take an `envoy.service.discovery.v3.Resource` there, with what
  /// the type's own message cannot say.
  package var wrappedField: ByteBuffer {
    var field = deltaField
    field.readFieldPrefix()
    return Self.wrap(Data(field.readableBytesView))
  }

  /// What tells a client that the resource is still there: all but its content.
  package func heartbeatField(_ speaks: DiscoveryProtocol) -> ByteBuffer {
    var resource = Envoy_Service_Discovery_V3_Resource()
    resource.version = version
    resource.name = name
    if let ttl { resource.ttl = Google_Protobuf_Duration(ttl) }
    let bytes = (try? resource.serializedBytes() as [UInt8]) ?? []
    guard speaks == .delta else { return Self.wrap(Data(bytes)) }
    var buffer = ByteBuffer()
    buffer.writeField(2, length: bytes.count)
    buffer.writeBytes(bytes)
    return buffer
  }

  private static func wrap(_ resource: Data) -> ByteBuffer {
    var any = Google_Protobuf_Any()
    any.typeURL = "type.googleapis.com/envoy.service.discovery.v3.Resource"
    any.value = resource
    let bytes = (try? any.serializedBytes() as [UInt8]) ?? []
    var buffer = ByteBuffer()
    buffer.writeField(2, length: bytes.count)
    buffer.writeBytes(bytes)
    return buffer
  }

  public var reference: ResourceReference { ResourceReference(type, name) }
}

extension ByteBuffer {
  /// The bytes of a length-delimited field, its tag (of one byte) and length included.
  fileprivate static func fieldLength(_ length: Int) -> Int { 1 + varintLength(length) + length }

  private static func varintLength(_ value: Int) -> Int { value < 0x80 ? 1 : 1 + varintLength(value >> 7) }

  /// The tag and the length of a length-delimited field with a number under 16.
  package mutating func writeField(_ number: UInt8, length: Int) {
    writeInteger(number << 3 | 2)
    var rest = length
    while rest >= 0x80 {
      writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    writeInteger(UInt8(rest))
  }

  fileprivate mutating func readFieldPrefix() {
    moveReaderIndex(forwardBy: 1)
    while let byte: UInt8 = readInteger(), byte & 0x80 != 0 {}
  }
}

extension Google_Protobuf_Duration {
  package init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }
}
