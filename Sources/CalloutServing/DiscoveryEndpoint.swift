// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import XDS

/// The listener of a control plane, on event loops of its own: what it sends to many proxies at once holds up no callout,
/// and its threads give way to theirs.
struct DiscoveryEndpoint {
  let listener: Listener
  private let server: GRPCServer
  private let group: MultiThreadedEventLoopGroup

  /// Throws what `listen` throws, which is to bind a listener in the group whose connections get the initializer.
  static func bind(
    _ controlPlane: XDSServer, _ health: HealthService, threads: Int, logger: Logger,
    listen: (any EventLoopGroup, @escaping @Sendable (any Channel) throws -> Void) async throws -> Listener
  ) async throws -> DiscoveryEndpoint {
    let services = controlPlane.services + [health.service]
    var configuration = GRPCServer.Configuration()
    // A first request may name what thousands of resources a client has.
    configuration.maxMessageLength = 16 * 1_024 * 1_024
    let server = GRPCServer(
      services: services + ReflectionService(reflecting: services).services, configuration: configuration,
      logger: logger)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    ThreadPriority.lower(group)
    do {
      let listener = try await listen(group) { channel in
        try channel.pipeline.syncOperations.addHandler(DiscoveryProtocolHandler(controlPlane, grpc: server))
      }
      return DiscoveryEndpoint(listener: listener, server: server, group: group)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  /// Ends all streams, after which clients connect elsewhere and keep what they have meanwhile.
  func stop() async {
    try? await listener.close()
    server.finishCalls()
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await server.drain() }
      tasks.addTask {
        guard (try? await Task.sleep(for: Self.lastWords)) != nil else { return }
        server.closeConnections()
      }
      await tasks.next()
      tasks.cancelAll()
    }
    try? await group.shutdownGracefully()
  }

  /// Time for clients to read the end of their streams.
  private static let lastWords = Duration.seconds(1)
}
