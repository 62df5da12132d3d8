// SPDX-License-Identifier: Apache-2.0
package import NIOCore
internal import NIOPosix
import Synchronization

/// A listening socket, TCP or Unix-domain, whose connections speak TLS when there is a context for it.
package struct Listener: Sendable {
  package struct Limits: Sendable {
    /// Connections at once; one more is closed as soon as it is accepted.
    package var maxConnections = 10_000
    /// TLS handshakes at once, which cost about a millisecond of a core each; one more is closed.
    package var maxHandshakes = 1_000
    /// Time a TLS handshake may take.
    package var handshakeTimeout: TimeAmount = .seconds(10)
    /// Connections the kernel holds until we accept them.
    package var backlog: Int32 = 1_024

    package init() {}
  }

  /// Gives each new connection its TLS context, so that a renewed certificate serves from the next one on.
  package typealias TLSSource = @Sendable () -> TLSContext

  package let channel: any Channel

  /// Binds and starts to accept; `initializer` adds the handlers above TLS.
  ///
  /// Throws `IOError` when the address cannot be bound.
  package static func bind(
    to address: SocketAddress, group: any EventLoopGroup, tls: TLSSource? = nil, limits: Limits = Limits(),
    initializer: @escaping @Sendable (any Channel) throws -> Void
  ) async throws -> Listener {
    let counts = Counts()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: limits.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: firstReadSize, maximum: largestReadSize)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard counts.admit(channel, limits, handshake: tls != nil) else { throw Refused() }
          if address.pathname == nil {
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
          }
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              TLSHandler(
                session: TLSSession(tls(), role: .server), handshakeTimeout: limits.handshakeTimeout,
                handshakeEnded: { counts.handshakes.subtract(1, ordering: .relaxed) }))
          }
          try initializer(channel)
        }
      }
    if let path = address.pathname {
      return Listener(
        channel: try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get())
    }
    return Listener(channel: try await bootstrap.bind(to: address).get())
  }

  /// Bytes of a connection's first reads; it keeps the memory. It grows with what comes, up to NIO's usual limit.
  private static let firstReadSize = 512
  private static let largestReadSize = 65_536

  /// The address that was bound, with the port that the kernel chose where 0 was asked for.
  package var address: SocketAddress? { channel.localAddress }

  /// Stops accepting; connections go on.
  package func close() async throws { try await channel.close() }

  private struct Refused: Error {}

  private final class Counts: Sendable {
    let connections = Atomic(0)
    let handshakes = Atomic(0)

    func admit(_ channel: any Channel, _ limits: Limits, handshake: Bool) -> Bool {
      guard connections.add(1, ordering: .relaxed).newValue <= limits.maxConnections else {
        connections.subtract(1, ordering: .relaxed)
        return false
      }
      channel.closeFuture.whenComplete { _ in self.connections.subtract(1, ordering: .relaxed) }
      guard handshake else { return true }
      guard handshakes.add(1, ordering: .relaxed).newValue <= limits.maxHandshakes else {
        handshakes.subtract(1, ordering: .relaxed)
        return false
      }
      return true
    }
  }
}
