// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix

/// An HTTP/2 server that answers each request as a test says, right or wrong.
enum RawServer {
  /// Runs `body` with a client of a server that calls `answer` with each new stream, on its event loop.
  ///
  /// Each stream's reset by the client goes to `resets`.
  static func run(
    maxMessageLength: Int = 1_000, resets: Events<HTTP2ErrorCode>? = nil,
    answer: @escaping @Sendable (HTTP2Stream) -> Void, body: (GRPCChannel) async throws -> Void
  ) async throws {
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton
    ) { channel in
      try channel.pipeline.syncOperations.addHandler(
        HTTP2ConnectionHandler(session: HTTP2Session(role: .server), observer: Connection(answer, resets)))
    }
    var configuration = GRPCChannel.Configuration()
    configuration.maxMessageLength = maxMessageLength
    let channel = try await GRPCChannel.connect(to: listener.address!, configuration: configuration)
    try await body(channel)
    await channel.close()
    try await listener.close()
  }

  private final class Connection: HTTP2ConnectionObserver {
    private let answer: (HTTP2Stream) -> Void
    private let resets: Events<HTTP2ErrorCode>?

    init(_ answer: @escaping (HTTP2Stream) -> Void, _ resets: Events<HTTP2ErrorCode>?) {
      self.answer = answer
      self.resets = resets
    }

    func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? {
      answer(stream)
      return StreamHandler(stream, resets)
    }

    func connectionOpened(_ connection: HTTP2ConnectionHandler) {}
    func eventsDispatched() {}
    func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {}
    func connectionTerminated(_ code: HTTP2ErrorCode) {}
    func connectionFailed(_ error: any Error) {}
    func connectionClosed(_ connection: HTTP2ConnectionHandler) {}
  }

  private final class StreamHandler: HTTP2StreamHandler {
    private let stream: HTTP2Stream
    private let resets: Events<HTTP2ErrorCode>?

    init(_ stream: HTTP2Stream, _ resets: Events<HTTP2ErrorCode>?) {
      self.stream = stream
      self.resets = resets
    }

    var isBusy: Bool { false }
    func receiveHeaders(_ fields: HeaderFields) {}
    func receiveData(_ data: ByteBuffer) { stream.consumed(data.readableBytes) }
    func receiveEnd() {}
    func outboundDrained() {}
    func streamClosed(_ code: HTTP2ErrorCode) { resets?.send(code) }
  }
}
