// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
package import SwiftProtobuf

// Requests that no proxy sent: what a filter inside of Envoy asks its callout. They are written as Envoy's ext_proc
// filter writes them, so that whoever reads one finds the same.
extension ProcessingRequest {
  /// A request about headers or trailers.
  ///
  /// - Parameter attributes: those that go with it, or nil where there are none.
  package init(_ phase: Phase, _ headers: LazyHeaders, attributes: Google_Protobuf_Struct?) {
    let fields = attributes.map(Self.fields) ?? []
    self.init(
      phase: phase, observabilityMode: false, protocolConfiguration: nil, serialized: nil,
      lazyHeaders: headers, contentRange: 0..<0, extras: fields.isEmpty ? nil : Extras(attributeFields: fields))
  }

  /// The attributes, under the name that ext_proc's filter has by default.
  private static func fields(_ attributes: Google_Protobuf_Struct) -> [UInt8] {
    let message = ProcessingRequestMessage.with { $0.attributes["envoy.filters.http.ext_proc"] = attributes }
    // It has no required fields and its strings are Swift's, so that nothing can go wrong.
    return (try? message.serializedBytes()) ?? []
  }

  /// A request about a body, or a piece of one, whose bytes come in chunks.
  package init(_ phase: Phase, _ chunks: [UnsafeRawBufferPointer], endOfStream: Bool) {
    // ProcessingRequest{<phase>: HttpBody{body = 1, end_of_stream = 2}}
    let length = chunks.reduce(0) { $0 + $1.count }
    let content = (length > 0 ? Protobuf.sizeOfField(length) : 0) + (endOfStream ? 2 : 0)
    let size = Protobuf.sizeOfField(content)
    var serialized = ByteBuffer()
    serialized.writeProtobuf(size: size) { writer in
      writer.head(field: phase.rawValue, length: content)
      if length > 0 {
        writer.head(field: 1, length: length)
        for chunk in chunks { writer.raw(chunk) }
      }
      if endOfStream { writer.varint(field: 2, 1) }
    }
    self.init(
      phase: phase, observabilityMode: false, protocolConfiguration: nil, serialized: serialized, lazyHeaders: nil,
      contentRange: size - content..<size, extras: nil)
  }
}
