// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import NIOCore

/// The client's side of a connection. Confined to its event loop.
final class GRPCClientConnection: HTTP2ConnectionObserver {
  let configuration: GRPCChannel.Configuration
  let eventLoop: any EventLoop

  private let authority: String
  private let channel: any Channel
  private let established: EventLoopPromise<NIOLoopBound<GRPCClientConnection>>
  private var handler: HTTP2ConnectionHandler?
  private var isGoingAway = false

  init(
    configuration: GRPCChannel.Configuration, defaultAuthority: String,
    established: EventLoopPromise<NIOLoopBound<GRPCClientConnection>>, channel: any Channel
  ) {
    self.configuration = configuration
    authority = configuration.authority ?? defaultAuthority
    self.established = established
    self.channel = channel
    eventLoop = channel.eventLoop
  }

  func open(
    _ path: String, metadata: Metadata, timeout: Duration?, compression: Compression
  ) throws -> GRPCCall {
    guard let handler, !isGoingAway else { throw GRPCStatus(.unavailable, "the connection is closed") }
    var fields: HeaderFields = [
      ":method": "POST", ":scheme": configuration.tls == nil ? "http" : "https", ":path": path,
      ":authority": authority, "te": "trailers", "content-type": "application/grpc",
      "user-agent": "swift-callouts", "grpc-accept-encoding": Compression.advertised,
    ]
    if let timeout { fields.append("grpc-timeout", GRPCTimeout.format(timeout)) }
    if compression != .identity { fields.append("grpc-encoding", compression.rawValue) }
    for (name, value) in metadata.wirePairs { fields.append(name, value) }
    let stream = try handler.session.openStream(fields)
    let call = ClientCall(
      stream: stream, compression: compression, maxMessageLength: configuration.maxMessageLength,
      eventLoop: eventLoop)
    stream.handler = call
    if let timeout { call.startDeadline(in: TimeAmount(timeout)) }
    return GRPCCall(NIOLoopBound(call, eventLoop: eventLoop))
  }

  func close() -> EventLoopFuture<Void> {
    isGoingAway = true
    return channel.close()
  }

  // MARK: HTTP2ConnectionObserver

  func connectionOpened(_ connection: HTTP2ConnectionHandler) {
    handler = connection
    established.succeed(NIOLoopBound(self, eventLoop: eventLoop))
  }

  func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? { nil }

  func eventsDispatched() {}

  func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {
    isGoingAway = true
  }

  func connectionTerminated(_ code: HTTP2ErrorCode) { isGoingAway = true }

  func connectionFailed(_ error: any Error) {
    isGoingAway = true
    established.fail(GRPCStatus(.unavailable, "\(error)"))
  }

  func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    isGoingAway = true
    handler = nil
  }
}
