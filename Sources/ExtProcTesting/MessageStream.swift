// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import EnvoyAPI
public import SwiftProtobuf

/// One ext_proc stream of a `CalloutClient`: what Envoy opens for each HTTP exchange.
public typealias CalloutStream = MessageStream<
  Envoy_Service_ExtProc_V3_ProcessingRequest, Envoy_Service_ExtProc_V3_ProcessingResponse
>

/// One network ext_proc stream of a `CalloutClient`: what Envoy opens for each connection.
public typealias NetworkStream = MessageStream<
  Envoy_Service_NetworkExtProc_V3_ProcessingRequest, Envoy_Service_NetworkExtProc_V3_ProcessingResponse
>

/// One stream of a `CalloutClient`.
///
/// Safe to use from any thread; one task at a time may read the replies. A task that is cancelled while it waits resets
/// the stream, so that a test's time limit ends the wait.
public struct MessageStream<Request: Message & Sendable, Response: Message & Sendable>: Sendable {
  /// The gRPC call beneath.
  public let call: GRPCCall

  /// Sends a message; waits while the server does not read. Throws the `GRPCStatus` of a stream that is over.
  public func send(_ message: Request) async throws {
    try await withTaskCancellationHandler {
      try await call.send(message)
    } onCancel: {
      reset()
    }
  }

  /// The next reply, or nil where the server ended the stream with OK; throws the `GRPCStatus` of another end.
  public func next() async throws -> Response? {
    try await withTaskCancellationHandler {
      try await call.next()
    } onCancel: {
      reset()
    }
  }

  /// Sends a message and returns the next reply; throws the `GRPCStatus` of a stream that ends instead.
  public func reply(to message: Request) async throws -> Response {
    try await send(message)
    guard let reply = try await next() else { throw GRPCStatus(.ok, "the stream ended without a reply") }
    return reply
  }

  /// Says that no more messages follow.
  public func halfClose() { call.halfClose() }

  /// Resets the stream, as Envoy does when it has all it wants.
  public func reset() { call.cancel() }

  /// How the stream ended; waits until it has.
  public var status: GRPCStatus {
    get async {
      await withTaskCancellationHandler {
        await call.ending.status
      } onCancel: {
        reset()
      }
    }
  }
}
