// SPDX-License-Identifier: Apache-2.0
package import CalloutGRPC
package import NIOCore
internal import NIOHTTP1

/// Serves gRPC and REST on one port: a connection that begins as HTTP/2 does is gRPC's (RFC 9113 §3.4).
package final class DiscoveryProtocolHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer

  private let server: XDSServer
  private let grpc: GRPCServer
  private var received = ByteBuffer()
  private var timeout: Scheduled<Void>?

  /// Time for a connection's first bytes, which its client sends at once.
  private static let firstBytesTime = TimeAmount.seconds(10)
  /// Time between the requests of a REST client, which asks every few seconds or minutes.
  private static let idleTime = TimeAmount.minutes(10)

  package init(_ server: XDSServer, grpc: GRPCServer) {
    self.server = server
    self.grpc = grpc
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    timeout = context.eventLoop.scheduleTask(in: Self.firstBytesTime) { bound.value.close(promise: nil) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.writeImmutableBuffer(unwrapInboundIn(data))
    let bytes = received.readableBytesView
    guard bytes.count >= Self.preface.count || !Self.preface.starts(with: bytes) else { return }
    do {
      if bytes.starts(with: Self.preface) {
        try grpc.serve(context.channel)
      } else {
        let pipeline = context.channel.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
        try pipeline.addHandler(IdleStateHandler(allTimeout: Self.idleTime))
        try pipeline.addHandler(RESTHandler(server))
      }
    } catch {
      return context.close(promise: nil)
    }
    context.fireChannelRead(NIOAny(received))
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  /// How no HTTP/1.1 request begins.
  private static let preface = Array("PRI * HTTP/2.0".utf8)
}
