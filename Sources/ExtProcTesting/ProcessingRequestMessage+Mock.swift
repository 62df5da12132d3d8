// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
package import NIOCore
public import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

// What Envoy sends, as values to send in a test:
//
//     .requestHeaders([":method": "GET", ":path": "/"], endOfStream: true)
//     .responseBody("hello", endOfStream: true).withBodyModes(response: .buffered)

extension ProcessingRequestMessage {
  /// Makes a message with the headers of a request.
  public static func requestHeaders(_ headers: KeyValuePairs<String, String>, endOfStream: Bool = false) -> Self {
    with { $0.request = .requestHeaders(.mock(headers, endOfStream)) }
  }

  /// Makes a message with the headers of a response.
  public static func responseHeaders(_ headers: KeyValuePairs<String, String>, endOfStream: Bool = false) -> Self {
    with { $0.request = .responseHeaders(.mock(headers, endOfStream)) }
  }

  /// Makes a message with a piece of a request's body, or the whole of it.
  public static func requestBody(_ text: String, endOfStream: Bool = false) -> Self {
    requestBody(bytes: Array(text.utf8), endOfStream: endOfStream)
  }

  /// Makes a message with a piece of a response's body, or the whole of it.
  public static func responseBody(_ text: String, endOfStream: Bool = false) -> Self {
    responseBody(bytes: Array(text.utf8), endOfStream: endOfStream)
  }

  /// Makes a message with a piece of a request's body that need not be text.
  public static func requestBody(bytes: [UInt8], endOfStream: Bool = false) -> Self {
    with { $0.request = .requestBody(.mock(bytes, endOfStream)) }
  }

  /// Makes a message with a piece of a response's body that need not be text.
  public static func responseBody(bytes: [UInt8], endOfStream: Bool = false) -> Self {
    with { $0.request = .responseBody(.mock(bytes, endOfStream)) }
  }

  /// Makes a message with the trailers of a request.
  public static func requestTrailers(_ trailers: KeyValuePairs<String, String>) -> Self {
    with { $0.request = .requestTrailers(.with { $0.trailers = .mock(trailers) }) }
  }

  /// Makes a message with the trailers of a response.
  public static func responseTrailers(_ trailers: KeyValuePairs<String, String>) -> Self {
    with { $0.request = .responseTrailers(.with { $0.trailers = .mock(trailers) }) }
  }
}

extension ProcessingRequestMessage {
  /// The same message that also tells the body modes, as Envoy's first message of a stream does.
  public func withBodyModes(request: BodySendMode = .none, response: BodySendMode = .none) -> Self {
    changed {
      $0.protocolConfig.requestBodyMode = request
      $0.protocolConfig.responseBodyMode = response
    }
  }

  /// The same message from a proxy that only watches and takes no answer.
  public func inObservabilityMode() -> Self { changed { $0.observabilityMode = true } }

  /// The same message with attributes, such as `["source.address": "10.0.0.1:80"]`.
  public func withAttributes(
    _ attributes: [String: Google_Protobuf_Value], of filter: String = "envoy.filters.http.ext_proc"
  ) -> Self {
    changed { $0.attributes[filter, default: .init()].fields.merge(attributes) { $1 } }
  }

  /// The same message with dynamic metadata under a namespace.
  public func withMetadata(_ metadata: [String: Google_Protobuf_Value], in namespace: String) -> Self {
    changed { $0.metadataContext.filterMetadata[namespace, default: .init()].fields.merge(metadata) { $1 } }
  }

  private func changed(_ change: (inout Self) -> Void) -> Self {
    var message = self
    change(&message)
    return message
  }

  /// The bytes that Envoy would send.
  package func serialized() throws -> ByteBuffer { ByteBuffer(bytes: try serializedBytes() as [UInt8]) }
}

extension Envoy_Service_ExtProc_V3_HttpHeaders {
  fileprivate static func mock(_ headers: KeyValuePairs<String, String>, _ endOfStream: Bool) -> Self {
    with {
      $0.headers = .mock(headers)
      $0.endOfStream = endOfStream
    }
  }
}

extension Envoy_Config_Core_V3_HeaderMap {
  fileprivate static func mock(_ headers: KeyValuePairs<String, String>) -> Self {
    with { map in
      map.headers = headers.map { name, value in
        .with {
          $0.key = name
          $0.rawValue = Data(value.utf8)
        }
      }
    }
  }
}

extension Envoy_Service_ExtProc_V3_HttpBody {
  fileprivate static func mock(_ bytes: [UInt8], _ endOfStream: Bool) -> Self {
    with {
      $0.body = Data(bytes)
      $0.endOfStream = endOfStream
    }
  }
}
