// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
import Logging
package import NIOCore

/// One client's connection: finds the method of each new stream and keeps account of the calls.
///
/// Confined to the connection's event loop; `Bound` is its handle for other threads.
package final class GRPCServerConnection: HTTP2ConnectionObserver {
  package let server: GRPCServer
  package let eventLoop: any EventLoop
  /// Runs asynchronous work on the connection's event loop.
  package let tasks: EventLoopTasks
  /// The longest message that a client may send, in bytes.
  let maxMessageLength: Int
  /// The client's address as text, or nil for a Unix-domain socket.
  package let peer: String?
  /// The client's IP address alone, or nil for a Unix-domain socket.
  package let peerIPAddress: String?

  /// The DNS names and URIs in the client's certificate; none where it has shown none.
  package private(set) var peerNames: [String] = []

  private let channel: any Channel
  private var handler: HTTP2ConnectionHandler?
  // Clients call the same method again and again, most with the very same headers.
  @exclusivity(unchecked) private var lastPath: [UInt8] = []
  @exclusivity(unchecked) private var lastMethod: GRPCMethod?
  @exclusivity(unchecked) private var lastFields = HeaderFields()
  @exclusivity(unchecked) private var lastHead: RequestHead?

  typealias Bound = NIOLoopBound<GRPCServerConnection>

  init(server: GRPCServer, channel: any Channel) {
    self.server = server
    self.channel = channel
    eventLoop = channel.eventLoop
    tasks = EventLoopTasks(channel.eventLoop)
    maxMessageLength = server.configuration.maxMessageLength
    peerIPAddress = channel.remoteAddress?.ipAddress
    peer = channel.remoteAddress.flatMap { address in address.pathname == nil ? "\(address)" : nil }
  }

  var bound: Bound { NIOLoopBound(self, eventLoop: eventLoop) }

  // MARK: Calls

  /// Reads what gRPC needs of a request's headers.
  func head(of fields: HeaderFields) -> RequestHead {
    if let lastHead, fields.isSame(as: lastFields) { return lastHead }
    let head = RequestHead(fields, expectedPath: lastPath)
    // That the path is the last one holds only until there is another.
    lastHead = head.otherPath == nil ? head : nil
    if lastHead != nil { lastFields = fields }
    return head
  }

  /// The method that a request asks for, or why there is none.
  func method(for head: RequestHead) throws(ServerCall.Refusal) -> GRPCMethod {
    guard head.isPost else { throw .http(GRPCFields.methodNotAllowed) }
    guard head.codec != .none else { throw .http(GRPCFields.unsupportedMediaType) }
    let method = try method(at: head.otherPath)
    if head.codec == .other, case .messages = method.kind { throw .http(GRPCFields.unsupportedMediaType) }
    return method
  }

  /// - Parameter path: where it is not that of the call before.
  private func method(at path: String?) throws(ServerCall.Refusal) -> GRPCMethod {
    guard let path else { return lastMethod! }
    guard let method = server.method(at: path) else {
      throw .status(GRPCStatus(.unimplemented, "unknown method \(path)"))
    }
    lastPath = Array(path.utf8)
    lastMethod = method
    return method
  }

  // MARK: Shutdown

  func beginShutdown() { handler?.beginShutdown() }

  func finishCalls() {
    for stream in handler?.session.streams ?? [] { (stream.handler as? any ServerStreamHandler)?.shutDown() }
  }

  func close() { channel.close(promise: nil) }

  // MARK: HTTP2ConnectionObserver

  package func connectionOpened(_ connection: HTTP2ConnectionHandler) {
    handler = connection
    peerNames = (try? channel.pipeline.syncOperations.handler(type: TLSHandler.self))?.peerNames ?? []
    server.opened(self)
  }

  package func streamOpened(
    _ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler
  ) -> (any HTTP2StreamHandler)? {
    ServerCall(stream: stream, connection: self)
  }

  package func eventsDispatched() { tasks.runReady() }

  package func connectionGoingAway(
    _ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32
  ) {
    if code != .noError { server.logger.info("client ended the connection", metadata: metadata("\(code)")) }
  }

  package func connectionTerminated(_ code: HTTP2ErrorCode) {
    server.logger.warning("ended a connection that broke the rules", metadata: metadata("\(code)"))
  }

  package func connectionFailed(_ error: any Error) {
    server.logger.info("connection failed", metadata: metadata("\(error)"))
  }

  package func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    handler = nil
    tasks.stop()
    server.closed(self)
  }

  private func metadata(_ reason: String) -> Logger.Metadata {
    ["peer": "\(peer ?? "unix socket")", "reason": "\(reason)"]
  }
}

extension GRPCServerConnection.Bound {
  func execute(_ body: @escaping @Sendable (GRPCServerConnection) -> Void) {
    eventLoop.execute { body(self.value) }
  }
}
