// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension StreamedImmediateResponse.Part {
  package func check() throws(CalloutError) {
    switch self {
    case .headers(let status, let headers, _):
      try ImmediateResponse.check(status: status)
      try HeaderMutation(set: headers).check()
    case .body: break
    case .trailers(let trailers): try HeaderMutation(set: trailers).check()
    }
  }

  /// Writes ProcessingResponse{streamed_immediate_response = 11}.
  func write(to buffer: inout ByteBuffer) {
    switch self {
    case .body(let bytes, let endOfStream):
      let body = StreamedBody(bytes: bytes, endOfStream: endOfStream)
      let part = Protobuf.sizeOfField(body.wireSize)
      buffer.writeProtobuf(size: Protobuf.sizeOfField(part)) { writer in
        writer.head(field: 11, length: part)
        writer.head(field: 2, length: body.wireSize)
        body.write(to: &writer)
      }
    case .headers(let status, let headers, let endOfStream):
      write(to: &buffer) {
        $0.headersResponse.headers = Self.map([(":status", "\(status)")] + headers.map { ($0, $1) })
        $0.headersResponse.endOfStream = endOfStream
      }
    case .trailers(let trailers):
      write(to: &buffer) { $0.trailersResponse = Self.map(trailers.map { ($0, $1) }) }
    }
  }

  private func write(
    to buffer: inout ByteBuffer, _ fill: (inout Envoy_Service_ExtProc_V3_StreamedImmediateResponse) -> Void
  ) {
    var message = ProcessingResponseMessage()
    fill(&message.streamedImmediateResponse)
    // Nothing in it is required, and no string is given that could not be encoded.
    buffer.writeBytes((try? message.serializedBytes() as [UInt8]) ?? [])
  }

  private static func map(_ headers: [(String, String)]) -> Envoy_Config_Core_V3_HeaderMap {
    .with { map in
      map.headers = headers.map { name, value in
        .with {
          $0.key = name.lowercased()
          $0.rawValue = Data(value.utf8)
        }
      }
    }
  }
}
