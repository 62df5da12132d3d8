// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
package import NIOCore
package import NIOHTTP1
internal import SwiftProtobuf

/// Discovery by REST: `POST /v3/discovery:clusters` and the like, a `DiscoveryRequest` in JSON for a
/// `DiscoveryResponse` in JSON, or 304 where the client has the version of the moment.
package final class RESTHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = HTTPServerRequestPart
  package typealias OutboundOut = HTTPServerResponsePart

  private let server: XDSServer
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()

  /// Bytes of a request, which is a few names; a longer one is answered 413.
  private static let maxBodyLength = 4 * 1_024 * 1_024

  package init(_ server: XDSServer) { self.server = server }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = ByteBuffer()
    case .body(let part): if body.readableBytes <= Self.maxBodyLength { body.writeImmutableBuffer(part) }
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, body, context)
    }
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
    let (server, peer) = (server, XDSServer.Peer(context.channel))
    let answer = context.eventLoop.makeFutureWithTask { await Self.answer(head, body, server, peer) }
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    answer.whenSuccess { bound.value.handler.write($0, to: head, bound.value.context) }
  }

  private func write(_ answer: Answer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    var head = HTTPResponseHead(
      version: request.version, status: answer.status, headers: ["content-length": "\(answer.body.count)"])
    if answer.isJSON { head.headers.add(name: "content-type", value: "application/json") }
    if !request.isKeepAlive { head.headers.add(name: "connection", value: "close") }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if answer.status != .notModified {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
    }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      if !request.isKeepAlive { bound.value.close(promise: nil) }
    }
  }

  // MARK: Answers

  private struct Answer: Sendable {
    var status: HTTPResponseStatus
    var body: [UInt8] = []
    var isJSON = false

    static func failed(_ status: HTTPResponseStatus, _ reason: String) -> Answer {
      Answer(status: status, body: Array("\(reason)\n".utf8))
    }
  }

  private static func answer(
    _ head: HTTPRequestHead, _ body: ByteBuffer, _ server: XDSServer, _ peer: XDSServer.Peer
  ) async -> Answer {
    let path = head.uri.prefix { $0 != "?" }
    guard let type = types[String(path)] else {
      return .failed(.notFound, "no such path: give /v3/discovery: and one of \(names)")
    }
    guard head.method == .POST else { return .failed(.methodNotAllowed, "POST a DiscoveryRequest in JSON") }
    guard body.readableBytes <= maxBodyLength else { return .failed(.payloadTooLarge, "the request is too long") }
    do {
      var options = JSONDecodingOptions()
      options.ignoreUnknownFields = true
      var request = try Envoy_Service_Discovery_V3_DiscoveryRequest(
        jsonUTF8Bytes: Array(body.readableBytesView), options: options)
      request.typeURL = type.typeURL
      return await answer(request, server, peer)
    } catch {
      return .failed(.badRequest, "the body is no DiscoveryRequest in JSON: \(error)")
    }
  }

  private static func answer(
    _ request: Envoy_Service_Discovery_V3_DiscoveryRequest, _ server: XDSServer, _ peer: XDSServer.Peer
  ) async -> Answer {
    do {
      guard case .response(let response) = try await server.fetch(request, from: peer) else {
        return Answer(status: .notModified)
      }
      var options = JSONEncodingOptions()
      options.preserveProtoFieldNames = true
      return Answer(status: .ok, body: try response.jsonUTF8Bytes(options: options), isJSON: true)
    } catch let status as GRPCStatus {
      return .failed(status.code == .permissionDenied ? .forbidden : .internalServerError, status.message)
    } catch {
      return .failed(.internalServerError, "cannot be answered in JSON: \(error)")
    }
  }

  private static let types: [String: ResourceType] = Dictionary(
    uniqueKeysWithValues: resources.map { ("/v3/discovery:\($0.key)", $0.value) })

  private static let names = resources.keys.sorted().joined(separator: ", ")

  private static let resources: [String: ResourceType] = [
    "clusters": .cluster, "endpoints": .clusterLoadAssignment, "listeners": .listener, "routes": .routeConfiguration,
    "scoped-routes": .scopedRouteConfiguration, "secrets": .secret, "runtime": .runtime,
    "extension_configs": .extensionConfig,
  ]
}
