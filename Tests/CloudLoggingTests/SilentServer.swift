// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// Takes requests and says nothing.
struct SilentServer {
  let address: String
  fileprivate let requests: AsyncStream<Void>

  /// Waits for the next request, which is short enough to come in one piece.
  func awaitRequest() async { _ = await requests.first { _ in true } }
}

func withSilentServer(_ body: (SilentServer) async throws -> Void) async throws {
  let (requests, request) = AsyncStream.makeStream(of: Void.self)
  let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(RequestCounter(request: request))
      }
    }
    .bind(host: "127.0.0.1", port: 0).get()
  let port = channel.localAddress?.port ?? 0
  do {
    try await body(SilentServer(address: "127.0.0.1:\(port)", requests: requests))
  } catch {
    try? await channel.close()
    throw error
  }
  try? await channel.close()
}

private final class RequestCounter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let request: AsyncStream<Void>.Continuation

  init(request: AsyncStream<Void>.Continuation) { self.request = request }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { request.yield() }
}
