// SPDX-License-Identifier: Apache-2.0
public import HTTPTypes
public import NIOCore

/// Answers a request of an `HTTPApplication`.
public struct ResponseWriter: ~Copyable {
  let stream: ApplicationStream

  /// Sends the headers; the body follows through the writer that is returned.
  ///
  /// Throws `CancellationError` where the client has gone, and another error where the status is not between 200 and 599.
  public consuming func send(_ response: HTTPResponse) async throws -> ResponseBodyWriter {
    try stream.send(response, endOfStream: false)
    return ResponseBodyWriter(stream: stream)
  }

  /// Sends a whole response, with its length; to HEAD, or with 204 or 304, without the body.
  public consuming func send(_ response: HTTPResponse, body: ByteBuffer) async throws {
    var response = response
    // RFC 9110 §8.6: of 304 only the handler knows it.
    switch response.status {
    case .noContent: response.headerFields[.contentLength] = nil
    case .notModified: break
    default: response.headerFields[.contentLength] = "\(body.readableBytes)"
    }
    try stream.send(response, endOfStream: body.readableBytes == 0)
    if body.readableBytes > 0, !stream.hasNoBody { try await stream.write(body, endOfStream: true) }
  }

  /// Sends a whole response with a text as its body.
  public consuming func send(_ response: HTTPResponse, body: String) async throws {
    try await send(response, body: ByteBuffer(string: body))
  }
}

/// Writes the body of a response. A handler that returns has ended it.
///
/// A response to HEAD, and one with 204 or 304, has ended with its headers: `finish` has nothing to do then, and `write`
/// throws `CancellationError`, as it does where the client has gone, so that nothing is made that nobody gets.
public struct ResponseBodyWriter: ~Copyable {
  let stream: ApplicationStream

  /// Sends bytes; waits while the client does not read.
  public func write(_ bytes: ByteBuffer) async throws { try await stream.write(bytes, endOfStream: false) }

  /// Sends a text.
  public func write(_ text: String) async throws { try await write(ByteBuffer(string: text)) }

  /// Ends the response, with trailers where there are some.
  public consuming func finish(trailers: HTTPFields = [:]) async throws { try await stream.finish(trailers) }
}
