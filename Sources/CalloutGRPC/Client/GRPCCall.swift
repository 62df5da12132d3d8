// SPDX-License-Identifier: Apache-2.0
public import NIOCore
public import SwiftProtobuf

/// One call that a client makes: messages out, messages in, a status at the end.
///
/// Safe to use from any thread; one task at a time may read the responses.
public struct GRPCCall: Sendable {
  private let call: NIOLoopBound<ClientCall>

  /// The status and the trailers a call ended with.
  public struct Ending: Sendable {
    public var status: GRPCStatus
    public var trailers: Metadata
  }

  init(_ call: NIOLoopBound<ClientCall>) { self.call = call }

  /// Sends one serialized message; waits while the server does not read.
  ///
  /// Throws the `GRPCStatus` that ended the call when it is over.
  public func send(_ message: ByteBuffer) async throws {
    let call = call
    try await withCheckedThrowingContinuation { continuation in
      call.eventLoop.execute { call.value.send(message, continuation) }
    }
  }

  /// Sends one message.
  public func send(_ message: some Message) async throws { try await send(ByteBuffer(grpcMessage: message)) }

  /// Says that no more messages follow.
  public func halfClose() {
    let call = call
    call.eventLoop.execute { call.value.halfClose() }
  }

  /// Gives the call up: the server sees a reset stream, and here it ends with CANCELLED.
  public func cancel() {
    let call = call
    call.eventLoop.execute { call.value.cancel(GRPCStatus(.cancelled, "cancelled by the client")) }
  }

  /// The next response, or nil after the last one when the call ended OK.
  ///
  /// Throws the `GRPCStatus` of a call that ended otherwise, after the responses that came before.
  public func next() async throws -> ByteBuffer? {
    let call = call
    return try await withCheckedThrowingContinuation { continuation in
      call.eventLoop.execute { call.value.next(continuation) }
    }
  }

  /// The next response, decoded.
  public func next<Response: Message>(_ type: Response.Type = Response.self) async throws -> Response? {
    try await next().map { try Response(grpcMessage: $0) }
  }

  /// The metadata that the server sent before its first response.
  public var headers: Metadata {
    get async throws {
      let call = call
      return try await withCheckedThrowingContinuation { continuation in
        call.eventLoop.execute { call.value.responseHeaders(continuation) }
      }
    }
  }

  /// How the call ended; waits until it has.
  public var ending: Ending {
    get async {
      let call = call
      return await withCheckedContinuation { continuation in
        call.eventLoop.execute { call.value.ending(continuation) }
      }
    }
  }
}

extension GRPCChannel {
  /// Makes a call with one request and one response.
  ///
  /// Throws the `GRPCStatus` of a call that did not end OK.
  public func unary<Response: Message>(
    _ path: String, _ request: some Message, metadata: Metadata = [:], timeout: Duration? = nil
  ) async throws -> Response {
    let call = try await call(path, metadata: metadata, timeout: timeout)
    do {
      try await call.send(request)
    } catch let status as GRPCStatus where status == .ok {
      // The server has answered without the request.
    }
    call.halfClose()
    guard let response = try await call.next(Response.self) else {
      throw GRPCStatus(.internal, "the call ended without a response")
    }
    let ending = await call.ending
    guard ending.status == .ok else { throw ending.status }
    return response
  }
}
