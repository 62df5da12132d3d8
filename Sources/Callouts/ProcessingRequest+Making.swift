// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
package import SwiftProtobuf

// Requests that no proxy sent: what a filter inside of Envoy asks its callout. They are written as Envoy's ext_proc
// filter writes them, so that whoever reads one finds the same.
extension ProcessingRequest {
  package typealias RawHeader = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

  /// A request about headers or trailers.
  ///
  /// - Parameters:
  ///   - headers: in order. No generic collection, which would not be specialized for another module.
  ///   - attributes: those that go with it, or nil where there are none.
  package init(
    _ phase: Phase, _ headers: UnsafeBufferPointer<RawHeader>, endOfStream: Bool, attributes: Google_Protobuf_Struct?
  ) throws(CalloutError) {
    // ProcessingRequest{<phase>: HttpHeaders{headers = 1 HeaderMap{headers = 1 HeaderValue{key = 1, raw_value = 3}},
    // end_of_stream = 3}}
    let map = headers.reduce(0) { $0 + Protobuf.sizeOfField(Self.size(of: $1)) }
    let content = Protobuf.sizeOfField(map) + (endOfStream ? 2 : 0)
    var serialized = ByteBuffer()
    serialized.writeProtobuf(size: Protobuf.sizeOfField(content)) { writer in
      writer.head(field: phase.rawValue, length: content)
      writer.head(field: 1, length: map)
      for header in headers {
        writer.head(field: 1, length: Self.size(of: header))
        writer.bytes(field: 1, header.name)
        writer.bytes(field: 3, header.value)
      }
      if endOfStream { writer.varint(field: 3, 1) }
    }
    if let attributes { serialized.write(attributes) }
    try self.init(serialized: serialized)
  }

  private static func size(of header: RawHeader) -> Int {
    Protobuf.sizeOfField(header.name.count) + Protobuf.sizeOfField(header.value.count)
  }

  /// A request about a body, or a piece of one, whose bytes come in chunks.
  package init(_ phase: Phase, _ chunks: [UnsafeRawBufferPointer], endOfStream: Bool) throws(CalloutError) {
    // ProcessingRequest{<phase>: HttpBody{body = 1, end_of_stream = 2}}
    let length = chunks.reduce(0) { $0 + $1.count }
    let content = (length > 0 ? Protobuf.sizeOfField(length) : 0) + (endOfStream ? 2 : 0)
    var serialized = ByteBuffer()
    serialized.writeProtobuf(size: Protobuf.sizeOfField(content)) { writer in
      writer.head(field: phase.rawValue, length: content)
      if length > 0 {
        writer.head(field: 1, length: length)
        for chunk in chunks { writer.raw(chunk) }
      }
      if endOfStream { writer.varint(field: 2, 1) }
    }
    try self.init(serialized: serialized)
  }
}

extension ByteBuffer {
  /// Appends the attributes of a request, under the name that ext_proc's filter has by default.
  fileprivate mutating func write(_ attributes: Google_Protobuf_Struct) {
    let message = ProcessingRequestMessage.with { $0.attributes["envoy.filters.http.ext_proc"] = attributes }
    // It has no required fields and its strings are Swift's, so that nothing can go wrong.
    writeBytes((try? message.serializedBytes() as [UInt8]) ?? [])
  }
}
