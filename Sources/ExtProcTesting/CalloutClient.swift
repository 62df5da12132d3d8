// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
public import Callouts
public import EnvoyAPI
internal import SwiftProtobuf

/// A proxy as far as a callout server can tell: one connection, on which it opens ext_proc streams.
///
/// Safe to use from any thread.
public struct CalloutClient: Sendable {
  /// The connection, for calls of other services.
  public let channel: GRPCChannel

  /// Connects over plaintext HTTP/2, or over TLS where there are certificates (PEM) to trust.
  ///
  /// Throws a `GRPCStatus` with the code UNAVAILABLE when that cannot be done.
  public static func connect(to address: ListenAddress, trusting roots: [UInt8]? = nil) async throws -> CalloutClient {
    var configuration = GRPCChannel.Configuration()
    if let roots { configuration.tls = GRPCChannel.TLS(trustRoots: roots, serverName: "localhost") }
    return CalloutClient(channel: try await GRPCChannel.connect(to: address.resolve(), configuration: configuration))
  }

  /// Opens a stream.
  ///
  /// - Parameters:
  ///   - metadata: what Envoy sends as its `grpc_initial_metadata`.
  ///   - timeout: the stream's deadline from now, which Envoy never sets.
  public func stream(metadata: Metadata = [:], timeout: Duration? = nil) async throws -> CalloutStream {
    CalloutStream(call: try await channel.call(Self.path, metadata: metadata, timeout: timeout))
  }

  /// Closes the connection, and with it every stream.
  public func close() async { await channel.close() }

  private static let path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
}

/// One stream of a `CalloutClient`: what Envoy opens for each HTTP exchange.
///
/// Safe to use from any thread; one task at a time may read the replies. A task that is cancelled while it waits resets
/// the stream, so that a test's time limit ends the wait.
public struct CalloutStream: Sendable {
  /// The gRPC call beneath.
  public let call: GRPCCall

  /// Sends a message; waits while the server does not read. Throws the `GRPCStatus` of a stream that is over.
  public func send(_ message: ProcessingRequestMessage) async throws {
    try await withTaskCancellationHandler {
      try await call.send(message)
    } onCancel: {
      reset()
    }
  }

  /// The next reply, or nil where the server ended the stream with OK; throws the `GRPCStatus` of another end.
  public func next() async throws -> ProcessingResponseMessage? {
    try await withTaskCancellationHandler {
      try await call.next()
    } onCancel: {
      reset()
    }
  }

  /// Sends a message and returns the next reply; throws the `GRPCStatus` of a stream that ends instead.
  public func reply(to message: ProcessingRequestMessage) async throws -> ProcessingResponseMessage {
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
