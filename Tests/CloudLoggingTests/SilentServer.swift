// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// Takes connections and says nothing.
struct SilentServer {
  let address: String
  fileprivate let connections: AsyncStream<Void>

  func awaitConnection() async { _ = await connections.first { _ in true } }
}

func withSilentServer(_ body: (SilentServer) async throws -> Void) async throws {
  let (connections, connection) = AsyncStream.makeStream(of: Void.self)
  let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelInitializer { channel in
      connection.yield()
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    .bind(host: "127.0.0.1", port: 0).get()
  let port = channel.localAddress?.port ?? 0
  do {
    try await body(SilentServer(address: "127.0.0.1:\(port)", connections: connections))
  } catch {
    try? await channel.close()
    throw error
  }
  try? await channel.close()
}
