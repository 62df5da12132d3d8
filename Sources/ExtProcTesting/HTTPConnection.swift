// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import CalloutTransport
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A client's HTTP/1.1 connection, on which one request follows the other.
///
/// Safe to use from any thread, by one task at a time.
public final class HTTPConnection: Sendable {
  private let channel: any Channel
  private let exchange: NIOLoopBound<ExchangeHandler>

  private init(channel: any Channel, exchange: NIOLoopBound<ExchangeHandler>) {
    self.channel = channel
    self.exchange = exchange
  }

  /// Connects in plaintext, or over TLS where there are certificates (PEM) to trust.
  ///
  /// - Parameter identity: the client's own certificate chain and key, PEM, for servers that ask for one.
  public static func connect(
    to address: ListenAddress, trusting roots: [UInt8]? = nil,
    identity: (certificateChain: [UInt8], privateKey: [UInt8])? = nil
  ) async throws -> HTTPConnection {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let identity = identity.map { TLSIdentity(certificateChain: $0.certificateChain, privateKey: $0.privateKey) }
    let context = try roots.map { try TLSContext(trustRoots: $0, protocols: ["http/1.1"], identity: identity) }
    let established = loop.makePromise(of: NIOLoopBound<ExchangeHandler>.self)
    let bootstrap = ClientBootstrap(group: loop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        if let context {
          try channel.pipeline.syncOperations.addHandler(
            TLSHandler(
              session: TLSSession(context, role: .client(serverName: "localhost")), handshakeTimeout: .seconds(10)))
        }
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        try channel.pipeline.syncOperations.addHandler(ExchangeHandler(established))
      }
    }
    do {
      let channel = try await bootstrap.connect(to: address.resolve()).get()
      return HTTPConnection(channel: channel, exchange: try await established.futureResult.get())
    } catch {
      established.fail(error)
      throw error
    }
  }

  /// Sends a request and returns its response; throws when the connection fails or closes before that.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let exchange = exchange
    return try await exchange.eventLoop.flatSubmit { exchange.value.send(request) }.get()
  }

  /// Sends a request without a body and returns its response.
  public func get(_ path: String, fields: HTTPFields = [:]) async throws -> HTTPResponse {
    try await send(HTTPRequest("GET", path, fields: fields))
  }

  /// Closes the connection.
  public func close() async { try? await channel.close() }

  /// Why there was no response.
  public struct ClosedEarly: Error {}
}

/// Sends one exchange's request and collects its response. Confined to the event loop of its connection.
private final class ExchangeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// Kept when the connection can be used, after the TLS handshake if there is one.
  private let established: EventLoopPromise<NIOLoopBound<ExchangeHandler>>
  private var context: ChannelHandlerContext?
  private var promise: EventLoopPromise<HTTPResponse>?
  private var response = HTTPResponse()

  init(_ established: EventLoopPromise<NIOLoopBound<ExchangeHandler>>) { self.established = established }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    established.succeed(NIOLoopBound(self, eventLoop: context.eventLoop))
    context.fireChannelActive()
  }

  func send(_ request: HTTPRequest) -> EventLoopFuture<HTTPResponse> {
    guard let context, context.channel.isActive, promise == nil else {
      return established.futureResult.eventLoop.makeFailedFuture(HTTPConnection.ClosedEarly())
    }
    let promise = context.eventLoop.makePromise(of: HTTPResponse.self)
    self.promise = promise
    response = HTTPResponse()
    let isChunked = request.isChunked || !request.trailers.all.isEmpty
    var headers = request.fields.framing(request.body, isChunked: isChunked, always: false)
    if !headers.contains(name: "host") { headers.add(name: "host", value: "test.example") }
    let head = HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    var body = request.body
    while let piece = body.readSlice(length: min(body.readableBytes, 16_384)), piece.readableBytes > 0 {
      context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
    }
    context.writeAndFlush(
      wrapOutboundOut(.end(request.trailers.all.isEmpty ? nil : request.trailers.nio)), promise: nil)
    return promise.futureResult
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      response.status = Int(head.status.code)
      response.fields = HTTPFields(head.headers)
    case .body(let piece): response.body.writeImmutableBuffer(piece)
    case .end(let trailers):
      // An interim response is not the answer.
      guard response.status >= 200 else { return }
      response.trailers = trailers.map { HTTPFields($0) } ?? [:]
      promise?.succeed(response)
      promise = nil
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(HTTPConnection.ClosedEarly())
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(error)
    context.close(promise: nil)
  }

  private func fail(_ error: any Error) {
    established.fail(error)
    promise?.fail(error)
    promise = nil
  }
}
