// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// Answers the headers of an `IncomingMessage`, which must come before its body goes back.
///
/// The answer may wait until some or all of the body was read. A hook that returns without one lets the headers, and
/// what it did not read of the body, pass.
public struct HeadersWriter: ~Copyable {
  let message: OutgoingMessage

  package init(_ message: OutgoingMessage) { self.message = message }

  /// Answers the headers; the body follows through the writer that is returned.
  ///
  /// Throws a `CalloutError` where Envoy would refuse the reply.
  public consuming func send(_ reply: HeadersReply = .continue) async throws -> BodyWriter {
    try await message.sendHeaders(reply)
    try await message.waitForRoom()
    return BodyWriter(message: message)
  }

  /// Answers the client at once; the exchange goes no further.
  public consuming func send(_ response: ImmediateResponse) throws { try message.send(response) }
}

/// Writes the body that goes on in place of the one that arrives, in any relation to it.
///
/// What was not written when the hook returns is not part of the body; the end of the stream is said in any case.
public struct BodyWriter: ~Copyable {
  let message: OutgoingMessage

  /// Sends bytes, in pieces of at most 62 KiB, or as one message in the GRPC mode; waits while the proxy does not read.
  public func write(_ bytes: ByteBuffer) async throws {
    try message.write(bytes)
    try await message.waitForRoom()
  }

  /// Sends a text.
  public func write(_ text: String) async throws { try await write(ByteBuffer(string: text)) }

  /// Sends a piece as it arrived.
  public func write(_ piece: HTTPBody) async throws {
    try message.write(piece.bytes, compressed: piece.grpcMessageCompressed)
    try await message.waitForRoom()
  }

  /// Ends the body, and answers the trailers where there are some.
  ///
  /// Only the end of the incoming body shows whether there are, so what the hook did not read of it is read, and dropped.
  public consuming func finish(trailers reply: TrailersReply = .continue) async throws {
    try await message.finish(reply)
  }

  /// Lets what was not read of the incoming body pass, then ends it.
  public consuming func passRest(trailers reply: TrailersReply = .continue) async throws {
    try await message.passRest()
    try await message.finish(reply)
  }
}
