// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
public import Logging
internal import NIOCore
internal import SwiftProtobuf

/// One stream of a callout without a network: mock requests in, what Envoy would receive out.
///
///     let harness = CalloutHarness(AddHeader())
///     let reply = try await harness.reply(to: .requestHeaders([":path": "/"]))
///     #expect(reply.requestHeaders.response.headerMutation.setHeaders.count == 1)
///
/// The stream keeps its state from one request to the next, as a stream of Envoy's does. What Envoy would refuse
/// is refused here too, and the failure policy of the callout's configuration applies. Used by one task.
public final class CalloutHarness {
  /// What the hooks of this stream are given.
  public let context: CalloutContext

  /// How the stream ended, once it has.
  public private(set) var ending: StreamEnding?

  private let server: CalloutServer
  private let configuration: CalloutServer.Configuration
  private var state = ProcessingState()

  /// Opens a stream of a callout.
  ///
  /// - Parameters:
  ///   - initialMetadata: what the proxy's call carries, its `grpc_initial_metadata`.
  ///   - logger: what hooks log to; nowhere where it is not given.
  public init(
    _ server: CalloutServer, initialMetadata: KeyValuePairs<String, String> = [:],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    self.server = server
    configuration = server.configuration
    context = CalloutContext(
      streamID: 1, peer: "127.0.0.1:1", logger: logger,
      callMetadata: { initialMetadata.map { (name: $0, value: $1) } })
  }

  /// Sends one message of the proxy's and returns the answers: none to a mere observation, several to a body that
  /// is too long for one, else one.
  ///
  /// Throws what ends the stream: what the hook threw, where the policy is `failStream`, or a `CalloutError` where
  /// the request is malformed or Envoy would refuse the answer. The stream has ended then.
  public func send(_ message: ProcessingRequestMessage) async throws -> [ProcessingResponseMessage] {
    precondition(ending == nil, "the stream has ended")
    let request = try failing { () throws(CalloutError) in
      let request = try ProcessingRequest(serialized: try Self.serialize(message))
      try state.receive(request)
      return request
    }
    context.receive(request)
    guard let phase = request.phase else { return [] }
    do {
      return try answers(to: request, try await server.process(request, context: context))
    } catch {
      return try failing {
        switch configuration.failurePolicy {
        case .failStream: throw error
        case .passThrough: try answers(to: request, .continue(phase))
        case .immediate(let response): try answers(to: request, .immediate(response))
        }
      }
    }
  }

  /// Sends one message and returns its one answer; throws as `send` does, or where the answers are not one.
  public func reply(to message: ProcessingRequestMessage) async throws -> ProcessingResponseMessage {
    let replies = try await send(message)
    guard replies.count == 1 else { throw UnexpectedReplies(count: replies.count) }
    return replies[0]
  }

  /// Ends the stream and tells the callout, unless it has ended already.
  public func end(_ ending: StreamEnding = .completed) {
    guard self.ending == nil else { return }
    self.ending = ending
    server.onStreamEnd(ending, context: context)
  }

  /// One answer was expected, and there were none or several.
  public struct UnexpectedReplies: Error, CustomStringConvertible {
    /// The answers there were.
    public let count: Int

    public var description: String { "expected one reply, got \(count)" }
  }

  private func answers(
    to request: ProcessingRequest, _ response: ProcessingResponse
  ) throws -> [ProcessingResponseMessage] {
    guard !request.observabilityMode else { return [] }
    var sent: [ByteBuffer] = []
    try state.answer(request, with: response) { write in
      var buffer = ByteBuffer()
      write(&buffer)
      sent.append(buffer)
    }
    return try sent.map { try ProcessingResponseMessage(serializedBytes: Array(buffer: $0)) }
  }

  private func failing<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch {
      end(.failed(error))
      throw error
    }
  }

  private static func serialize(_ message: ProcessingRequestMessage) throws(CalloutError) -> ByteBuffer {
    do {
      return try message.serialized()
    } catch {
      throw CalloutError(.malformedRequest, "the mock request cannot be serialized: \(error)")
    }
  }
}
