// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI
internal import NIOConcurrencyHelpers

/// The stream to the callout, opened with the first message and read while it is written to.
///
/// Safe to use from any thread.
final class Sidestream: Sendable {
  private let metadata: Metadata
  private let open: @Sendable (Metadata) async throws -> any ProcessingStream
  private let happened: @Sendable (EnvoyFilterState.Event) -> Void
  private let messages: AsyncStream<ProcessingRequestMessage>
  private let sent: AsyncStream<ProcessingRequestMessage>.Continuation
  private let state = NIOLockedValueBox((stream: (any ProcessingStream)?.none, isReset: false))

  init(
    metadata: Metadata, open: @escaping @Sendable (Metadata) async throws -> any ProcessingStream,
    happened: @escaping @Sendable (EnvoyFilterState.Event) -> Void
  ) {
    self.metadata = metadata
    self.open = open
    self.happened = happened
    (messages, sent) = AsyncStream.makeStream()
  }

  func send(_ message: ProcessingRequestMessage) { sent.yield(message) }

  /// No more messages follow.
  func halfClose() { sent.finish() }

  /// No more messages follow, and no reply is of use.
  func reset() {
    sent.finish()
    let stream = state.withLockedValue { state in
      state.isReset = true
      return state.stream
    }
    stream?.reset()
  }

  /// Sends and reads until the stream has ended, or the task is cancelled, which resets it.
  func run() async {
    await withTaskCancellationHandler {
      var iterator = messages.makeAsyncIterator()
      guard let first = await iterator.next() else { return }
      do {
        let stream = try await open(metadata)
        guard keep(stream) else { return }
        async let reading: Void = read(stream)
        var next: ProcessingRequestMessage? = first
        // That a message cannot be sent is told by the end of the stream, to the task that reads.
        while let message = next, (try? await stream.send(message)) != nil { next = await iterator.next() }
        stream.halfClose()
        await reading
      } catch {
        happened(.streamEnded(Self.status(of: error)))
      }
    } onCancel: {
      reset()
    }
  }

  /// Whether the stream is still wanted.
  private func keep(_ stream: any ProcessingStream) -> Bool {
    let isReset = state.withLockedValue { state in
      state.stream = stream
      return state.isReset
    }
    if isReset { stream.reset() }
    return !isReset
  }

  private func read(_ stream: any ProcessingStream) async {
    do {
      while let reply = try await stream.next() { happened(.reply(reply)) }
      happened(.streamEnded(.ok))
    } catch {
      happened(.streamEnded(Self.status(of: error)))
    }
  }

  private static func status(of error: any Error) -> GRPCStatus {
    error as? GRPCStatus ?? GRPCStatus(.unknown, "\(error)")
  }
}
