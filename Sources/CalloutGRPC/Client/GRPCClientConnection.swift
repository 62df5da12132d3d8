// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
internal import NIOCore

/// The client's side of a connection. Confined to its event loop.
package final class GRPCClientConnection: HTTP2ConnectionObserver {
  package let usesTLS: Bool

  /// Told once that no more calls can be opened here; it may have calls still.
  var becameUnusable: (() -> Void)?
  /// Told once, last.
  var becameClosed: (() -> Void)?

  private let channel: any Channel
  private let established: EventLoopPromise<NIOLoopBound<GRPCClientConnection>>
  private(set) var handler: HTTP2ConnectionHandler?
  private var isEstablished = false
  private var isUnusable = false

  init(
    usesTLS: Bool, established: EventLoopPromise<NIOLoopBound<GRPCClientConnection>>, channel: any Channel
  ) {
    self.usesTLS = usesTLS
    self.established = established
    self.channel = channel
  }

  /// Opens a stream, whose handler is told what comes; throws UNAVAILABLE where that cannot be.
  func openStream(_ fields: HeaderFields, _ streamHandler: any HTTP2StreamHandler) throws(GRPCStatus) -> HTTP2Stream {
    guard let handler, !isUnusable else { throw GRPCStatus(.unavailable, "the connection is closed") }
    do {
      let stream = try handler.session.openStream(fields)
      stream.handler = streamHandler
      return stream
    } catch {
      // All stream ids are used up, for instance; another connection has new ones.
      retire()
      throw GRPCStatus(.unavailable, "\(error)")
    }
  }

  /// Calls that are open.
  var callCount: Int { handler?.session.streams.count ?? 0 }

  /// The server would take one more call at once.
  var hasRoom: Bool { handler.map { $0.session.streams.count < $0.session.remoteMaxConcurrentStreams } ?? false }

  /// Takes no more calls, and closes once those that there are have ended.
  func retire() {
    setUnusable()
    handler?.beginShutdown()
  }

  func close() -> EventLoopFuture<Void> {
    setUnusable()
    return channel.close()
  }

  private func setUnusable() {
    guard !isUnusable else { return }
    isUnusable = true
    becameUnusable?()
    becameUnusable = nil
  }

  // MARK: HTTP2ConnectionObserver

  package func connectionOpened(_ connection: HTTP2ConnectionHandler) {
    handler = connection
    guard usesTLS, let tls = try? channel.pipeline.syncOperations.handler(type: TLSHandler.self),
      tls.applicationProtocol != "h2"
    else { return }
    fail("the server did not choose HTTP/2 by ALPN")
  }

  package func streamOpened(
    _ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler
  ) -> (any HTTP2StreamHandler)? { nil }

  package func eventsDispatched() {
    guard !isEstablished, !isUnusable, let handler, handler.session.isEstablished else { return }
    isEstablished = true
    established.succeed(NIOLoopBound(self, eventLoop: channel.eventLoop))
  }

  package func connectionGoingAway(
    _ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32
  ) {
    setUnusable()
    established.fail(GRPCStatus(.unavailable, "the server ends the connection (\(code))"))
  }

  package func connectionTerminated(_ code: HTTP2ErrorCode) {
    setUnusable()
    established.fail(GRPCStatus(.unavailable, "the server breaks HTTP/2's rules (\(code))"))
  }

  package func connectionFailed(_ error: any Error) { fail("\(error)") }

  package func connectionEnding(_ connection: HTTP2ConnectionHandler) { setUnusable() }

  package func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    handler = nil
    becameClosed?()
    becameClosed = nil
  }

  private func fail(_ reason: String) {
    setUnusable()
    established.fail(GRPCStatus(.unavailable, reason))
    channel.close(promise: nil)
  }
}
