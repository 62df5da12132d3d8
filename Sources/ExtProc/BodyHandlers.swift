// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

/// The bodies of one stream, where they are not simply handed on piece by piece.
///
/// Confined to the event loop of its stream.
final class BodyHandlers {
  /// What one direction needs.
  struct Handler {
    var collector: BodyCollector
    /// The last request whose piece was collected. In STREAMED its answer is held back: trailers may show that it is
    /// the one that must carry the whole body.
    var held: ProcessingRequest?
    /// Ends the wait for what follows it.
    var patience: Scheduled<Void>?
    var stream: MessageStream?
  }

  var request: Handler
  var response: Handler
  /// The proxy is held back because it was full.
  var isHeldBack = false
  /// Hooks that wait for the proxy to take what was sent.
  var waitingForRoom: [UnsafeContinuation<Void, Never>] = []

  init(_ configuration: CalloutServer.Configuration) {
    request = Handler(collector: BodyCollector(configuration.requestBody))
    response = Handler(collector: BodyCollector(configuration.responseBody))
  }

  subscript(direction: Direction) -> Handler {
    get { direction == .request ? request : response }
    _modify {
      if direction == .request { yield &request } else { yield &response }
    }
  }

  /// Hooks of streams are at work.
  var hasStreams: Bool { request.stream?.isRunning == true || response.stream?.isRunning == true }

  /// Hooks of streams wait for the proxy: for it to send more, or to take what they sent.
  var isQuiet: Bool { [request, response].count(where: \.isAtWork) <= waitingForRoom.count }

  /// More has arrived for a stream's hook than should be held.
  var isFull: Bool {
    max(request.bytesHeld, response.bytesHeld) >= Self.mostBuffered
  }

  /// Part of a body is here that the proxy no longer has.
  var holdsBody: Bool { request.collector.isCollecting || response.collector.isCollecting }

  /// The proxy will send no more.
  func endInput() {
    request.stream?.incoming.endInput()
    response.stream?.incoming.endInput()
  }

  /// The stream is over.
  func cancel() {
    request.cancel()
    response.cancel()
    roomMayHaveCome()
  }

  func roomMayHaveCome() {
    let waiting = waitingForRoom
    waitingForRoom = []
    for hook in waiting { hook.resume() }
  }

  /// Bytes that a stream's hook may leave unread before the proxy is held back: some large pieces.
  private static let mostBuffered = 256 * 1_024
}

extension BodyHandlers.Handler {
  mutating func takeHeld() -> ProcessingRequest? {
    patience?.cancel()
    patience = nil
    return held.take()
  }

  /// Bytes that a hook at work has not read.
  fileprivate var bytesHeld: Int { stream.map { $0.isRunning ? $0.incoming.bufferedBytes : 0 } ?? 0 }

  fileprivate var isAtWork: Bool { stream.map { $0.isRunning && !$0.incoming.isAwaited } ?? false }

  fileprivate mutating func cancel() {
    _ = takeHeld()
    stream?.incoming.fail(CancellationError())
    stream?.task?.cancel()
  }
}

/// One direction that a callout handles as a stream.
final class MessageStream {
  let incoming: IncomingMessage
  let outgoing: OutgoingMessage
  /// The request that it began with.
  let first: ProcessingRequest
  /// The request about the trailers.
  var trailers: ProcessingRequest?
  var task: Task<Void, Never>?
  var isRunning = true

  init(_ incoming: IncomingMessage, _ outgoing: OutgoingMessage, first: ProcessingRequest) {
    self.incoming = incoming
    self.outgoing = outgoing
    self.first = first
  }

  /// The request about the headers, where the proxy sent it.
  var headers: ProcessingRequest? { first.phase?.isHeaders == true ? first : nil }
}
