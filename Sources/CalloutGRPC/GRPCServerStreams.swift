// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// The messages that a client sends on a call, in order.
///
/// Asking for the next one is what lets the client send more. Ends when the client half-closes; throws a
/// `GRPCStatus` when the call ends before that.
public struct GRPCRequests: AsyncSequence, Sendable {
  public typealias Element = ByteBuffer

  private let handler: NIOLoopBound<AsyncCallHandler>

  init(_ handler: NIOLoopBound<AsyncCallHandler>) { self.handler = handler }

  public func makeAsyncIterator() -> Iterator { Iterator(handler: handler) }

  public struct Iterator: AsyncIteratorProtocol {
    let handler: NIOLoopBound<AsyncCallHandler>

    public mutating func next() async throws -> ByteBuffer? {
      let handler = handler
      return try await withCheckedThrowingContinuation { continuation in
        handler.eventLoop.execute { handler.value.next(continuation) }
      }
    }
  }
}

/// Sends messages to the client of a call.
public struct GRPCResponses: Sendable {
  private let handler: NIOLoopBound<AsyncCallHandler>

  init(_ handler: NIOLoopBound<AsyncCallHandler>) { self.handler = handler }

  /// Sends one serialized message; waits while the client does not read.
  ///
  /// Throws the `GRPCStatus` that ended the call when it is over.
  public func send(_ message: ByteBuffer) async throws {
    let handler = handler
    try await withCheckedThrowingContinuation { continuation in
      handler.eventLoop.execute { handler.value.send(message, continuation) }
    }
  }
}

/// What a method's function knows of its call.
public struct GRPCServerContext: Sendable {
  /// The client's metadata, without the headers that gRPC itself uses.
  public let metadata: Metadata
  /// The client's address as text, or nil for a Unix-domain socket.
  public let peer: String?
  /// The DNS names and URIs in the client's certificate; none where it has shown none.
  public let peerNames: [String]

  init(_ call: ServerCall) {
    metadata = Metadata(call.headers)
    peer = call.connection.peer
    peerNames = call.connection.peerNames
  }
}
