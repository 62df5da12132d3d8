// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import NIOCore
internal import NIOHTTP1

/// Answers health probes over HTTP/1.1: 200 for any path, so that a probe of any balancer works; `/ready` is 503
/// while the server does not want calls, and `/live` says no more than that the process answers. Some paths show pages.
final class HealthHTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let health: HealthService
  private let pages: [String: @Sendable () -> ServerConfiguration.Page]
  private var head: HTTPRequestHead?
  private var timeout: Scheduled<Void>?

  /// Time for a probe to send its request and for a connection to be idle: probes come seconds apart.
  private static let idleTime = TimeAmount.seconds(60)

  init(health: HealthService, pages: [String: @Sendable () -> ServerConfiguration.Page]) {
    self.health = health
    self.pages = pages
  }

  func channelActive(context: ChannelHandlerContext) {
    waitForRequest(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timeout?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let path = String(request.uri.prefix { $0 != "?" })
    let status = status(of: request, path)
    let page = status == .ok ? pages[path]?() : nil
    var head = HTTPResponseHead(
      version: request.version, status: status,
      headers: ["content-length": "\(page?.body.count ?? 0)", "cache-control": "no-store"])
    if let page { head.headers.add(name: "content-type", value: page.contentType) }
    if !request.isKeepAlive { head.headers.add(name: "connection", value: "close") }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if let page, request.method == .GET {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: page.body)))), promise: nil)
    }
    let isKeepAlive = request.isKeepAlive
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      if !isKeepAlive { bound.value.close(promise: nil) }
    }
    waitForRequest(context)
  }

  private func status(of request: HTTPRequestHead, _ path: String) -> HTTPResponseStatus {
    guard request.method == .GET || request.method == .HEAD else { return .methodNotAllowed }
    return path == "/ready" && health.status() != .serving ? .serviceUnavailable : .ok
  }

  private func waitForRequest(_ context: ChannelHandlerContext) {
    timeout?.cancel()
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    timeout = context.eventLoop.scheduleTask(in: Self.idleTime) { bound.value.close(promise: nil) }
  }
}
