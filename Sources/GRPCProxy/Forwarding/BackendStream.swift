// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore
import Synchronization

/// A stream to one of the backends of a pool, in gRPC's terms: a head, messages' bytes, a status.
///
/// A backend that cannot be connected to is passed over for the next, each at most once. Confined to the call's event
/// loop.
final class BackendStream {
  private unowned let call: ForwardedCall
  private let pool: BackendPool
  private let refusesCompression: Bool
  private var handler: (any BackendStreamHandler)?
  @exclusivity(unchecked) private var stream: ClientStream!
  private var member: BackendMember?
  private var tried: [BackendMember] = []
  private var httpStatus: Int?
  /// The head of the answer, once it is here, is gRPC's.
  private var isGRPC = false
  private var trailers: HeaderFields?

  init(
    _ call: ForwardedCall, _ pool: BackendPool, refusesCompression: Bool, handler: any BackendStreamHandler
  ) {
    self.call = call
    self.pool = pool
    self.refusesCompression = refusesCompression
    self.handler = handler
    stream = ClientStream(from: self, handler: self)
  }

  /// The backend that has the call, as it is configured; more than one where one after the other was tried.
  private(set) var backends: [String] = []

  func open() { stream.open() }
  func write(_ bytes: ByteBuffer) { stream.write(bytes) }
  func end() { stream.end() }
  var isOutboundFull: Bool { stream.isOutboundFull }
  func consumed(_ bytes: Int) { stream.consumed(bytes) }

  /// Cancels the stream, if it has not ended, and tells no more.
  func giveUp() {
    handler = nil
    stream.reset(.cancel)
    leaveMember(.none)
  }

  /// What a call's end says of its backend.
  private enum Verdict { case good, failing, none }

  private func leaveMember(_ verdict: Verdict) {
    guard let member else { return }
    self.member = nil
    member.activeCalls.subtract(1, ordering: .relaxed)
    if verdict != .none { pool.callEnded(member, failed: verdict == .failing) }
  }
}

extension BackendStream: ClientConnectionSource {
  func connection(_ taker: @escaping ClientConnectionPool.Taker) {
    // Here again, the server did not look at the request: another may.
    leaveMember(.none)
    choose(taker, otherwise: GRPCStatus(.unavailable, "no backend of '\(pool.name)' is healthy"))
  }

  private func choose(_ taker: @escaping ClientConnectionPool.Taker, otherwise reason: GRPCStatus) {
    guard let member = pool.choose(except: tried, on: call.eventLoop) else { return taker(.failure(reason)) }
    self.member = member
    member.activeCalls.add(1, ordering: .relaxed)
    member.connections(on: call.eventLoop).connection { [self] result in
      // The call may have ended meanwhile.
      guard self.member === member else { return taker(.failure(GRPCStatus(.cancelled, "the call has ended"))) }
      switch result {
      case .success: taker(result)
      case .failure(let reason):
        leaveMember(.failing)
        tried.append(member)
        choose(taker, otherwise: reason)
      }
    }
  }
}

extension BackendStream: ClientStreamHandler {
  func requestFields(on connection: GRPCClientConnection) -> HeaderFields {
    guard let member else { return [:] }
    backends.append("\(member.backend.target)")
    return call.requestFields(
      for: member.backend, usesTLS: connection.usesTLS, refusesCompression: refusesCompression)
  }

  func opened() {}

  func receiveHeaders(_ fields: HeaderFields) {
    // A section with grpc-status is the trailers, also where it is the only one ("Trailers-Only").
    guard httpStatus == nil, fields["grpc-status"] == nil else {
      if httpStatus == nil || isGRPC { trailers = fields }
      return
    }
    let status = fields[":status"].flatMap(Int.init) ?? 0
    guard status >= 200 else { return }
    httpStatus = status
    // What is no gRPC answer becomes a status in the end, whatever it says.
    isGRPC = status == 200 && fields["content-type"]?.hasPrefix("application/grpc") == true
    if isGRPC { handler?.responseBegan(fields) }
  }

  func receiveData(_ data: consuming ByteBuffer) {
    guard let handler, isGRPC else { return consumed(data.readableBytes) }
    handler.receiveData(data)
  }

  func receiveEnd() {
    guard let trailers, let number = trailers["grpc-status"] else { return streamClosed(.closed(.noError)) }
    let code = GRPCStatus.Code(rawValue: Int(number) ?? GRPCStatus.Code.unknown.rawValue)
    leaveMember(code == .unavailable ? .failing : .good)
    tell { $0.ended(code, trailers: trailers) }
  }

  func outboundDrained() { handler?.backendReads() }

  func streamClosed(_ ending: ClientStream.Ending) {
    let status = GRPCStatus(ending, httpStatus: httpStatus)
    leaveMember(status.code == .unavailable ? .failing : .good)
    tell { $0.failed(status) }
  }

  private func tell(_ end: (any BackendStreamHandler) -> Void) {
    guard let handler else { return }
    self.handler = nil
    end(handler)
  }
}

/// What a stream to a backend tells, on the call's event loop.
protocol BackendStreamHandler: AnyObject {
  /// The head of a gRPC response came.
  func responseBegan(_ fields: HeaderFields)
  /// Bytes of messages came, whose credit is given back with `BackendStream.consumed(_:)`.
  func receiveData(_ data: ByteBuffer)
  /// What was over the high-water mark has left.
  func backendReads()
  /// The backend ended the call; called once, last, or `failed` is.
  func ended(_ code: GRPCStatus.Code, trailers: HeaderFields)
  /// The call ended without a status of the backend.
  func failed(_ status: GRPCStatus)
}
