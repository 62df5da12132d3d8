// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
internal import ExtProc
public import Logging
internal import NIOCore
internal import NIOPosix
internal import SwiftProtobuf

/// One stream of a callout without a network: mock requests in, what Envoy would receive out.
///
///     let harness = CalloutHarness(AddHeader())
///     let reply = try await harness.reply(to: .requestHeaders([":path": "/"]))
///     #expect(reply.requestHeaders.response.headerMutation.setHeaders.count == 1)
///
/// The stream is the one that a server runs, from what arrives on it: it keeps its state from one request to the
/// next, what Envoy would refuse is refused, and the callout's configuration applies. Used by one task.
public final class CalloutHarness {
  /// What the hooks of this stream are given.
  public let context: CalloutContext

  private let transport: HarnessTransport

  /// Opens a stream of a callout.
  ///
  /// - Parameters:
  ///   - initialMetadata: what the proxy's call carries, its `grpc_initial_metadata`.
  ///   - logger: what hooks log to; nowhere where it is not given.
  public init(
    _ server: CalloutServer, initialMetadata: KeyValuePairs<String, String> = [:],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    transport = HarnessTransport(eventLoop, metadata: initialMetadata.map { (name: $0, value: $1) })
    let call = ProcessCall(transport, ProcessService(server, logger: logger))
    context = call.context
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

  /// Sends one message of the proxy's and returns what was answered until the callout waits for more: nothing to a
  /// mere observation, several messages to a body that is too long for one, as many as it likes in full duplex,
  /// else one.
  ///
  /// Throws what ends the stream: what the hook threw, where the policy is `failStream`, or a `CalloutError` where
  /// the request is malformed or Envoy would refuse the answer. The stream has ended then.
  public func send(_ message: ProcessingRequestMessage) async throws -> [ProcessingResponseMessage] {
    let bytes: ByteBuffer
    do {
      bytes = try message.serialized()
    } catch {
      throw CalloutError(.malformedRequest, "the mock request cannot be serialized: \(error)")
    }
    let transport = transport
    let replies = try await withCheckedThrowingContinuation { continuation in
      transport.eventLoop.execute { transport.receive(bytes, continuation) }
    }
    return try replies.map { try ProcessingResponseMessage(serializedBytes: Array(buffer: $0)) }
  }

  /// Sends one message and returns its one answer; throws as `send` does, or where the answers are not one.
  public func reply(to message: ProcessingRequestMessage) async throws -> ProcessingResponseMessage {
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

  /// One answer was expected, and there were none or several.
  public struct UnexpectedReplies: Error, CustomStringConvertible {
    /// The answers there were.
    public let count: Int

    public var description: String { "expected one reply, got \(count)" }
  }
}
