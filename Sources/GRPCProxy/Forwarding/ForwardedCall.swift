// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore

/// A call that is passed on, from its client's side: asks the director, and moves bytes both ways.
///
/// Confined to the event loop of the client's connection, on which its backends' connections are too.
final class ForwardedCall: EventLoopWork, ServerStreamHandler, @unchecked Sendable {
  // Unchecked: touched on the event loop only; the director is given the call and its metadata alone.

  let eventLoop: any EventLoop
  private let stream: HTTP2Stream
  private let connection: GRPCServerConnection
  private let proxy: GRPCProxy
  private let began = NIODeadline.now()

  private(set) var request: IncomingCall?
  private var direction: CallDirection?
  private var deadline: (at: NIODeadline, timer: Scheduled<Void>)?
  private var isDirecting = false
  /// The stream was closed while the director was at work.
  private var keepsPlace = false

  @exclusivity(unchecked) private var upstream: (any Upstream)?
  /// What the client has sent while it was not known where to.
  private var early: [ByteBuffer] = []
  private var clientHasEnded = false
  @exclusivity(unchecked) private var requestLimit: MessageLengthLimit?
  @exclusivity(unchecked) private var responseLimit: MessageLengthLimit?
  @exclusivity(unchecked) private var uncredited = 0
  @exclusivity(unchecked) private var hasSentHeaders = false
  @exclusivity(unchecked) private var status: GRPCStatus.Code?
  private var isReleased = false
  @exclusivity(unchecked) private var bytesReceived = 0
  @exclusivity(unchecked) private var bytesSent = 0

  init(_ stream: HTTP2Stream, _ connection: GRPCServerConnection, _ proxy: GRPCProxy) {
    self.stream = stream
    self.connection = connection
    self.proxy = proxy
    eventLoop = connection.eventLoop
    super.init(connection.tasks)
  }

  /// The status was sent, or the client has gone.
  private var isOver: Bool { status != nil || stream.isClosed }

  // MARK: From the client

  package var isBusy: Bool { isDirecting }

  package func receiveHeaders(_ fields: HeaderFields) {
    // A second header section is trailers, which gRPC clients do not send.
    guard request == nil, !isOver else { return }
    let request = IncomingCall(fields, connection)
    self.request = request
    proxy.metrics?.callBegan()
    guard !request.hasMalformedTimeout else { return finish(GRPCStatus(.internal, "grpc-timeout is malformed")) }
    if let timeout = request.timeout { startDeadline(timeout) }
    isDirecting = true
    becomeReady()
  }

  package func receiveData(_ data: consuming ByteBuffer) {
    guard !isOver else { return stream.consumed(data.readableBytes) }
    uncredited += data.readableBytes
    bytesReceived += data.readableBytes
    guard let upstream else {
      early.append(data.withoutMuchAround)
      return
    }
    pass(data, to: upstream)
  }

  package func receiveEnd() {
    clientHasEnded = true
    upstream?.end()
  }

  package func outboundDrained() { upstream?.clientReads() }

  package func streamClosed(_ code: HTTP2ErrorCode) {
    keepsPlace = isDirecting
    if isDirecting { cancel() }
    giveUp()
    summarize()
  }

  package func shutDown() { finish(GRPCStatus(.unavailable, "the proxy is shutting down")) }

  // MARK: Direction

  override func run() async {
    let result: Result<CallDirection, any Error>
    if let request, !isOver {
      do {
        result = .success(try await proxy.director.direct(request))
      } catch {
        result = .failure(error)
      }
      directed(result)
    }
    isDirecting = false
    if keepsPlace { stream.workEnded() }
  }

  private func directed(_ result: Result<CallDirection, any Error>) {
    eventLoop.assertInEventLoop()
    switch result {
    case .success(let direction):
      self.direction = direction
      guard !isOver else { return release() }
      start(direction)
    case .failure(let error): finish(GRPCStatus(error))
    }
  }

  private func start(_ direction: CallDirection) {
    if let timeout = direction.timeout { startDeadline(timeout) }
    requestLimit = direction.maxMessageLength.map { MessageLengthLimit($0) }
    responseLimit = requestLimit
    let upstream: any Upstream =
      switch direction.destination {
      case .one(let pool): SingleUpstream(self, pool)
      case .many(let fanOut):
        FanOutUpstream(self, fanOut, maxMessageLength: direction.maxMessageLength ?? Self.usualMessageLength)
      }
    self.upstream = upstream
    upstream.open()
    for data in early { if !isOver { pass(data, to: upstream) } }
    early = []
    if clientHasEnded, !isOver { upstream.end() }
  }

  private func pass(_ data: ByteBuffer, to upstream: any Upstream) {
    do throws(GRPCStatus) {
      try requestLimit?.pass(data)
    } catch {
      return finish(error)
    }
    upstream.write(data)
    backendReads()
  }

  /// What a request to a backend begins with.
  func requestFields(for backend: Backend, usesTLS: Bool, refusesCompression: Bool = false) -> HeaderFields {
    guard let request else { return [:] }
    return request.fields.forwardedRequest(
      RequestRewrite(
        authority: backend.authority, usesTLS: usesTLS, metadata: direction?.metadata,
        timeout: deadline.map { .nanoseconds(($0.at - .now()).nanoseconds) },
        forwardedFor: proxy.configuration.appendsForwardedFor ? request.peerIPAddress : nil,
        refusesCompression: refusesCompression))
  }

  // MARK: From the backends

  /// Gives the client credit, if what it sent is not waiting for a backend.
  func backendReads() {
    guard uncredited > 0, let upstream, !upstream.isOutboundFull else { return }
    stream.consumed(uncredited)
    uncredited = 0
  }

  /// The client does not read what was sent to it: `clientReads` tells when it does.
  var isClientFull: Bool { stream.isOutboundFull }

  /// Sends the head of the response.
  func respond(_ fields: HeaderFields) {
    guard !isOver, !hasSentHeaders else { return }
    hasSentHeaders = true
    stream.sendHeaders(fields)
  }

  /// Sends bytes of messages.
  func respond(_ data: ByteBuffer) {
    guard !isOver else { return }
    do throws(GRPCStatus) {
      try responseLimit?.pass(data)
    } catch {
      return finish(error)
    }
    bytesSent += data.readableBytes
    stream.write(before: data) { _ in }
  }

  /// Ends the call with a backend's trailers.
  func finish(_ code: GRPCStatus.Code, trailers fields: HeaderFields) {
    guard !isOver else { return }
    status = code
    if hasSentHeaders {
      stream.end(trailers: fields.forwardedResponse(isHead: false))
    } else {
      stream.sendHeaders(fields.forwardedResponse(isHead: true), endStream: true)
    }
    giveUp()
  }

  /// Ends the call with a status of our own, or one that a backend's end stands for.
  func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    self.status = status.code
    if hasSentHeaders {
      stream.end(trailers: GRPCFields.trailers(status, [:]))
    } else {
      stream.sendHeaders(GRPCFields.trailersOnly(status, [:]), endStream: true)
    }
    if isDirecting { cancel() }
    giveUp()
  }

  // MARK: Ends

  /// Lets go of the backends, whatever they may still have to say.
  private func giveUp() {
    deadline?.timer.cancel()
    deadline = nil
    upstream?.giveUp()
    early = []
    stream.consumed(uncredited)
    uncredited = 0
    if !isDirecting { release() }
  }

  private func release() {
    guard !isReleased, let direction else { return }
    isReleased = true
    direction.release?()
  }

  private func summarize() {
    guard let request else { return }
    let status = status ?? .cancelled
    let duration = NIODeadline.now() - began
    proxy.metrics?.callEnded(status, after: duration, by: direction?.backendSet)
    proxy.configuration.callEnded?(
      CallSummary(
        fullMethod: request.fullMethod, authority: request.authority, peer: request.peer,
        backends: upstream?.backends ?? [], status: status, duration: .nanoseconds(duration.nanoseconds),
        bytesReceived: bytesReceived, bytesSent: bytesSent))
    upstream = nil
  }

  /// gRPC's limit for those who set none.
  private static let usualMessageLength = 4 * 1_024 * 1_024

  private func startDeadline(_ timeout: Duration) {
    let end = began + TimeAmount(timeout)
    guard deadline.map({ end < $0.at }) ?? true else { return }
    deadline?.timer.cancel()
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let timer = eventLoop.scheduleTask(deadline: end) {
      bound.value.finish(GRPCStatus(.deadlineExceeded, "the call's deadline has passed"))
    }
    deadline = (end, timer)
  }
}

/// Where a call is passed on to. Confined to the call's event loop.
protocol Upstream: AnyObject {
  func open()
  func write(_ bytes: ByteBuffer)
  func end()
  /// What was written waits for a backend that does not read; `ForwardedCall.backendReads` is called when it does.
  var isOutboundFull: Bool { get }
  /// The client reads again.
  func clientReads()
  /// The call is over: its streams are cancelled, if they are still open, and nothing more is told.
  func giveUp()
  /// The backends that got the call.
  var backends: [String] { get }
}
