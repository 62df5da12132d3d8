// SPDX-License-Identifier: Apache-2.0
package import NIOCore
public import SwiftProtobuf

extension GRPCMethod {
  /// A method of any shape, on serialized messages.
  public init(
    _ name: String,
    streams body: @escaping @Sendable (GRPCRequests, GRPCResponses, GRPCServerContext) async throws -> Void
  ) {
    self.init(name) { call in AsyncCallHandler(call: call, body: body) }
  }

  /// A method with one request and one response.
  public static func unary<Request: Message, Response: Message>(
    _ name: String, _ body: @escaping @Sendable (Request, GRPCServerContext) async throws -> Response
  ) -> GRPCMethod {
    serverStreaming(name) { (request: Request, responses, context) in
      try await responses.send(body(request, context))
    }
  }

  /// A method with one request and any number of responses.
  public static func serverStreaming<Request: Message>(
    _ name: String,
    _ body: @escaping @Sendable (Request, GRPCResponses, GRPCServerContext) async throws -> Void
  ) -> GRPCMethod {
    GRPCMethod(name) { (requests, responses, context) in
      var iterator = requests.makeAsyncIterator()
      guard let request = try await iterator.next() else {
        throw GRPCStatus(.internal, "the call ended without a request")
      }
      try await body(Request(grpcMessage: request), responses, context)
    }
  }
}

extension GRPCResponses {
  /// Sends one message; waits while the client does not read.
  public func send(_ message: some Message) async throws {
    try await send(ByteBuffer(grpcMessage: message))
  }
}

extension Message {
  /// Decodes a message; throws INTERNAL when the bytes are not one.
  package init(grpcMessage bytes: ByteBuffer) throws(GRPCStatus) {
    do {
      self = try Self(serializedBytes: Array(buffer: bytes))
    } catch {
      throw GRPCStatus(.internal, "the bytes received are not a \(Self.protoMessageName)")
    }
  }
}

extension ByteBuffer {
  package init(grpcMessage message: some Message) throws {
    self.init(bytes: try message.serializedBytes() as [UInt8])
  }
}
