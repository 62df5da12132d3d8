// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import NIOCore
internal import NIOPosix

/// The server behind a proxy of connections: TCP on a loopback port, doing with each what a test wants.
public final class TCPUpstream: Sendable {
  /// What is done with a connection, which is closed when it returns or throws.
  public typealias Handler = @Sendable (TCPConnection) async throws -> Void

  /// Where it listens.
  public let address: ListenAddress
  private let channel: any Channel

  private init(channel: any Channel, address: ListenAddress) {
    self.channel = channel
    self.address = address
  }

  /// Sends everything back.
  public static let echo: Handler = { connection in
    while let bytes = try await connection.receive() { try await connection.send(bytes) }
    try await connection.finish()
  }

  fileprivate static func start(_ handler: @escaping Handler) async throws -> TCPUpstream {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 512)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Before it is active, a read would be forgotten.
          _ = try TCPConnection.on(channel) { connection in
            Task {
              try? await handler(connection)
              await connection.close()
            }
          }
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return TCPUpstream(channel: channel, address: .ip("127.0.0.1", UInt16(channel.localAddress?.port ?? 0)))
  }

  fileprivate func stop() async { try? await channel.close() }
}

/// Runs an upstream of connections while `body` runs.
public func withTCPUpstream<Result>(
  _ handler: @escaping TCPUpstream.Handler = TCPUpstream.echo, _ body: (TCPUpstream) async throws -> Result
) async throws -> Result {
  let upstream = try await TCPUpstream.start(handler)
  do {
    let result = try await body(upstream)
    await upstream.stop()
    return result
  } catch {
    await upstream.stop()
    throw error
  }
}
