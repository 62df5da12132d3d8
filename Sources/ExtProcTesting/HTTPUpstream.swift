// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The server behind the proxy: HTTP/1.1 on a loopback port, answering as a test wants.
public final class HTTPUpstream: Sendable {
  /// Makes the response to a request, on an event loop: it must not block.
  public typealias Responder = @Sendable (HTTPRequest) -> HTTPResponse

  /// Where it listens.
  public let address: ListenAddress
  private let channel: any Channel

  private init(channel: any Channel, address: ListenAddress) {
    self.channel = channel
    self.address = address
  }

  /// Starts to listen on a port that the kernel chooses; `withHTTPUpstream` stops it too.
  public static func start(_ responder: @escaping Responder = echo) async throws -> HTTPUpstream {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(ResponderHandler(responder: responder))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return HTTPUpstream(channel: channel, address: .ip("127.0.0.1", UInt16(channel.localAddress?.port ?? 0)))
  }

  /// Stops listening.
  public func stop() async { try? await channel.close() }

  /// Answers with what was received, as plain text: request line, fields, an empty line, the body and the trailers.
  public static let echo: Responder = { request in
    let lines = ["\(request.method) \(request.path)"] + request.fields.all.map { "\($0.name): \($0.value)" }
    let trailers = request.trailers.all.map { "\n\($0.name): \($0.value)" }.joined()
    return HTTPResponse(
      fields: ["content-type": "text/plain"],
      body: lines.joined(separator: "\n") + "\n\n" + String(buffer: request.body) + trailers)
  }
}

/// Runs an upstream while `body` runs.
public func withHTTPUpstream<Result>(
  _ responder: @escaping HTTPUpstream.Responder = HTTPUpstream.echo, _ body: (HTTPUpstream) async throws -> Result
) async throws -> Result {
  let upstream = try await HTTPUpstream.start(responder)
  do {
    let result = try await body(upstream)
    await upstream.stop()
    return result
  } catch {
    await upstream.stop()
    throw error
  }
}

/// Collects a request and writes its response. Confined to the event loop of its connection.
private final class ResponderHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let responder: HTTPUpstream.Responder
  private var request = HTTPRequest()
  private var isKeepAlive = true

  init(responder: @escaping HTTPUpstream.Responder) { self.responder = responder }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      request = HTTPRequest(head.method.rawValue, head.uri)
      request.fields = HTTPFields(head.headers)
      request.isChunked = head.headers["transfer-encoding"].first?.lowercased() == "chunked"
      isKeepAlive = head.isKeepAlive
    case .body(let piece): request.body.writeImmutableBuffer(piece)
    case .end(let trailers):
      request.trailers = trailers.map { HTTPFields($0) } ?? [:]
      write(responder(request), to: context)
    }
  }

  private func write(_ response: HTTPResponse, to context: ChannelHandlerContext) {
    let isChunked = response.isChunked || !response.trailers.all.isEmpty
    let headers = response.fields.framing(response.body, isChunked: isChunked, always: true)
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: response.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if response.body.readableBytes > 0 {
      context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
    }
    let trailers = response.trailers.all.isEmpty ? nil : response.trailers.nio
    context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: nil)
    if !isKeepAlive { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
