// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP/2 server whose side of each connection a test plays itself, frame by frame.
///
/// It has a Unix-domain socket, where connecting takes no time: what times out then is what a test means.
final class FrameServer: Sendable {
  private let listener: any Channel
  private let arrivals: AsyncStream<FrameConnection>
  private let connections: Mutex<[FrameConnection]>

  /// Runs `body` with a server; what is open in the end is closed.
  static func run(_ body: (FrameServer) async throws -> Void) async throws {
    try await SocketPath.with { path in
      let server = try await FrameServer(path.address)
      do {
        try await body(server)
      } catch {
        await server.stop()
        throw error
      }
      await server.stop()
    }
  }

  private init(_ address: SocketAddress) async throws {
    let (arrivals, arrived) = AsyncStream.makeStream(of: FrameConnection.self)
    self.arrivals = arrivals
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let (frames, received) = AsyncStream.makeStream(of: ReceivedFrame.self)
          try channel.pipeline.syncOperations.addHandler(FrameReader(received))
          arrived.yield(FrameConnection(channel, frames))
        }
      }.bind(to: address).get()
    connections = Mutex([])
  }

  var address: SocketAddress { listener.localAddress! }

  /// The next connection, as it comes: the server has sent nothing on it.
  func accept() async throws -> FrameConnection {
    for await connection in arrivals {
      connections.withLock { $0.append(connection) }
      return connection
    }
    throw CancellationError()
  }

  /// The next connection, on which the server has sent its SETTINGS.
  func greet(_ settings: [UInt8: UInt32] = [:]) async throws -> FrameConnection {
    let connection = try await accept()
    connection.send(RawConnection.settings(settings))
    return connection
  }

  /// A client that connects with its first call, and again at once where that failed.
  func channel(
    resolver: NameResolver? = nil, _ configure: (inout GRPCChannel.ConnectionConfiguration) -> Void = { _ in }
  ) async throws -> GRPCChannel {
    var configuration = GRPCChannel.Configuration()
    configuration.connection.initialBackoff = .zero
    configuration.connection.maxBackoff = .zero
    configure(&configuration.connection)
    guard let resolver else { return try await GRPCChannel(GRPCTarget(address), configuration) }
    return try await GRPCChannel(GRPCTarget(.host("test.invalid", port: 1)), configuration, resolver: resolver)
  }

  private func stop() async {
    try? await listener.close()
    for connection in connections.withLock({ $0 }) { await connection.close() }
  }
}

/// Cuts what a client sends into frames.
private final class FrameReader: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let received: AsyncStream<ReceivedFrame>.Continuation
  private var bytes = ByteBuffer()
  private var hasPreface = false

  init(_ received: AsyncStream<ReceivedFrame>.Continuation) { self.received = received }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes.writeImmutableBuffer(unwrapInboundIn(data))
    if !hasPreface {
      guard bytes.readSlice(length: Self.prefaceLength) != nil else { return }
      hasPreface = true
    }
    while let frame = ReceivedFrame(from: &bytes) { received.yield(frame) }
  }

  func channelInactive(context: ChannelHandlerContext) { received.finish() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// "PRI * HTTP/2.0", two empty lines and what is between them (RFC 9113 §3.4).
  private static let prefaceLength = 24
}
