// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Logging
import NIOCore
import NIOPosix

/// A backend like `NamedBackend`, which takes a connection and says nothing until it is told to.
struct SlowBackend: Sendable {
  private let server: LocalServer
  private let connections: AsyncStream<any Channel>

  static func start(_ name: String) async throws -> SlowBackend {
    let (connections, connected) = AsyncStream.makeStream(of: (any Channel).self)
    let server = GRPCServer(
      services: [GRPCService("test.Service", methods: [.who(name)])], logger: Logger(label: "test"))
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton
    ) { channel in
      // Nothing is read before there is somebody to read it.
      try channel.syncOptions?.setOption(.autoRead, value: false)
      connected.yield(channel)
    }
    return SlowBackend(
      server: LocalServer(server: server, listener: listener, address: listener.address!, identity: nil),
      connections: connections)
  }

  var backend: Backend { server.backend }

  /// Waits for the next connection.
  func connected() async throws -> SlowConnection {
    for await channel in connections { return SlowConnection(server: server.server, channel: channel) }
    throw CancellationError()
  }

  func stop() async { await server.stop() }
}

/// A connection on which nothing has been said.
struct SlowConnection: Sendable {
  let server: GRPCServer
  let channel: any Channel

  /// Serves it from now on.
  func greet() async throws {
    try await channel.eventLoop.submit { [server, channel] in try server.serve(channel) }.get()
    try await channel.setOption(.autoRead, value: true).get()
  }

  func closed() async throws { try await channel.closeFuture.get() }
}
