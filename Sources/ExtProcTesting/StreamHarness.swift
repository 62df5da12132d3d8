// SPDX-License-Identifier: Apache-2.0
internal import Callouts
public import ExtProc
internal import NIOCore
public import SwiftProtobuf

/// One stream of a callout without a network: mock requests in, what Envoy would receive out.
///
/// The stream is the one that a server runs, from what arrives on it: it keeps its state from one request to the
/// next, what Envoy would refuse is refused, and the callout's configuration applies. Used by one task.
public class StreamHarness<Request: Message & Sendable, Response: Message & Sendable> {
  private let transport: HarnessTransport

  /// Joins a stream of the callout to its transport.
  init(_ transport: HarnessTransport, carrying call: any HarnessedCall) {
    self.transport = transport
    transport.carry(call)
  }

  deinit {
    let transport = transport
    transport.eventLoop.execute { transport.close() }
  }

  /// How the stream ended, once it has.
  public var ending: StreamEnding? {
    get async {
      let transport = transport
      return await withCheckedContinuation { continuation in
        transport.eventLoop.execute { continuation.resume(returning: transport.ending) }
      }
    }
  }

  /// Sends one message of the proxy's and returns what was answered until the callout waits for more: none, one or
  /// several messages.
  ///
  /// Throws what ends the stream: what the hook threw, where the policy says so, or a `CalloutError` where the request
  /// is malformed or Envoy would refuse the answer. The stream has ended then.
  public func send(_ message: Request) async throws -> [Response] {
    let bytes: ByteBuffer
    do {
      bytes = ByteBuffer(bytes: try message.serializedBytes() as [UInt8])
    } catch {
      throw CalloutError(.malformedRequest, "the mock request cannot be serialized: \(error)")
    }
    let transport = transport
    let replies = try await withCheckedThrowingContinuation { continuation in
      transport.eventLoop.execute { transport.receive(bytes, continuation) }
    }
    return try replies.map { try Response(serializedBytes: Array(buffer: $0)) }
  }

  /// Sends one message and returns its one answer; throws as `send` does, or where the answers are not one.
  public func reply(to message: Request) async throws -> Response {
    let replies = try await send(message)
    guard replies.count == 1 else { throw UnexpectedReplies(count: replies.count) }
    return replies[0]
  }

  /// Resets the stream, as Envoy does when it has what it wants, unless it has ended already; returns once no hook is
  /// at work any more.
  public func end() async {
    let transport = transport
    await withCheckedContinuation { continuation in
      transport.eventLoop.execute { transport.reset(continuation) }
    }
  }
}

/// One answer was expected, and there were none or several.
public struct UnexpectedReplies: Error, CustomStringConvertible {
  /// The answers there were.
  public let count: Int

  public var description: String { "expected one reply, got \(count)" }
}
