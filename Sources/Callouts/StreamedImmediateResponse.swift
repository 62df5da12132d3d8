// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// An answer to the client, in place of the upstream's, whose body is written piece by piece.
///
/// Only request headers can be answered this way, and only where the request's body mode is NONE or
/// FULL_DUPLEX_STREAMED. Source: `envoy.service.ext_proc.v3.StreamedImmediateResponse`.
///
///     .streamed(StreamedImmediateResponse(status: 200, headers: ["content-type": "text/event-stream"]) { writer in
///       for await event in events { try await writer.write("data: \(event)\n\n") }
///       return [:]
///     })
public struct StreamedImmediateResponse: Sendable {
  /// Writes the body, and returns trailers; none when there are to be none.
  public typealias Writing = @Sendable (Writer) async throws -> KeyValuePairs<String, String>

  /// The HTTP status, 200 to 599.
  public var status: Int
  /// The headers, in order.
  public var headers: KeyValuePairs<String, String>
  let write: Writing?

  /// - Parameter write: writes the body; nil for an answer without one. Where it throws the client's stream is reset.
  public init(status: Int, headers: KeyValuePairs<String, String> = [:], write: Writing? = nil) {
    self.status = status
    self.headers = headers
    self.write = write
  }

  /// Writes pieces of the body.
  public struct Writer {
    let sink: any CalloutStreamSink

    /// Sends bytes, in pieces of at most 62 KiB; waits while the proxy does not read.
    public func write(_ bytes: ByteBuffer) async throws {
      for chunk in bytes.chunks(ofAtMost: StreamedBody.maxLength) {
        try sink.send(StreamedImmediateResponse.Part.body(chunk, endOfStream: false))
      }
      try await sink.waitForRoom(.response)
    }

    /// Sends a text.
    public func write(_ text: String) async throws { try await write(ByteBuffer(string: text)) }
  }

  package enum Part {
    case headers(status: Int, KeyValuePairs<String, String>, endOfStream: Bool)
    case body(ByteBuffer, endOfStream: Bool)
    case trailers(KeyValuePairs<String, String>)
  }

  /// Sends everything, from the headers to the end of the stream.
  package func send(to sink: any CalloutStreamSink) async throws {
    try sink.send(Part.headers(status: status, headers, endOfStream: write == nil))
    guard let write else { return }
    let trailers = try await write(Writer(sink: sink))
    try sink.send(trailers.isEmpty ? Part.body(ByteBuffer(), endOfStream: true) : Part.trailers(trailers))
  }
}
