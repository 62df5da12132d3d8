// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
internal import NIOConcurrencyHelpers
public import NIOCore
internal import SwiftProtobuf

/// The request that a proxy asks about, read from the received bytes when asked for.
///
/// Source: `envoy.service.auth.v3.CheckRequest`.
public struct CheckRequest: Sendable {
  /// The request's headers, pseudo-headers such as `:path` among them.
  ///
  /// Envoy sends those of one name joined by commas and bytes that are no UTF-8 as `!`, or, where its filter has
  /// `encode_raw_headers`, all as they came. Which ones it sends at all, `allowed_headers` and `disallowed_headers` of
  /// the filter say. `endOfStream` says nothing here.
  public let headers: HTTPHeaders

  /// AttributeContext.
  let attributes: SerializedMessage
  /// AttributeContext.HttpRequest.
  private let http: SerializedMessage
  private let serialized: ByteBuffer
  /// Something was asked for that could not be read.
  private let isBroken = NIOLockedValueBox(false)

  /// Throws where the bytes are no CheckRequest. Of what is seldom asked for, that is seen only then, by `check()`.
  package init(serialized: ByteBuffer) throws(CalloutError) {
    do {
      self.serialized = serialized
      // CheckRequest{attributes = 1}, AttributeContext{request = 4}, Request{http = 2}
      attributes = try SerializedMessage(serialized).message(1)
      http = try attributes.message(4).message(2)
      // HttpRequest{headers = 3 map, header_map = 13 HeaderMap{headers = 1}}
      let raw = try http.message(13)
      headers = raw.bytes.readableBytes > 0 ? try HTTPHeaders(1, of: raw) : try HTTPHeaders(3, of: http)
    } catch {
      throw Self.malformed
    }
  }

  /// The method, such as `GET`.
  public var method: String { http.string(2) }
  /// The path with its query.
  public var path: String { http.string(4) }
  /// The host asked for, from `:authority`.
  public var host: String { http.string(5) }
  /// `http` or `https`.
  public var scheme: String { http.string(6) }
  /// Such as `HTTP/1.1`.
  public var `protocol`: String { http.string(10) }
  /// Envoy's number for the request. Its `x-request-id` is among the headers.
  public var id: String { http.string(1) }
  /// How many bytes of the body had arrived when the proxy asked, or nil where it does not know: 0 with an Envoy whose
  /// filter has no `with_request_body`.
  public var size: Int? {
    let size = Int(http.number(9))
    return size < 0 ? nil : size
  }

  /// The body, or its beginning, where Envoy's filter has `with_request_body`, else empty.
  ///
  /// Bytes that are no UTF-8 come as `!`, unless the filter has `pack_as_bytes` too. The header
  /// `x-envoy-auth-partial-body` says whether it is the beginning alone.
  public var body: ByteBuffer {
    if let bytes = http[12], bytes.readableBytes > 0 { return bytes }
    return http[11] ?? ByteBuffer()
  }

  /// The whole generated message, decoded each time: for what is not offered here.
  public var message: CheckRequestMessage { decoded(serialized) }

  func decoded<Message: SwiftProtobuf.Message>(_ bytes: ByteBuffer) -> Message {
    do {
      return try Message(serializedBytes: Array(buffer: bytes))
    } catch {
      isBroken.withLockedValue { $0 = true }
      return Message()
    }
  }

  /// Throws where something was asked for that could not be read, so that nothing was decided on it.
  func check() throws(CalloutError) {
    if isBroken.withLockedValue({ $0 }) { throw Self.malformed }
  }

  private static let malformed = CalloutError(.malformedRequest, "the bytes received are no CheckRequest")
}
