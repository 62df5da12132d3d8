// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore

/// A call to one backend of a pool: to another one where the first cannot be connected to.
///
/// Confined to the call's event loop.
final class SingleUpstream: Upstream {
  private unowned let call: ForwardedCall
  private var stream: BackendStream!

  @exclusivity(unchecked) private var uncredited = 0

  init(_ call: ForwardedCall, _ pool: BackendPool) {
    self.call = call
    stream = BackendStream(call, pool, refusesCompression: false, handler: self)
  }

  // MARK: From the call

  func open() { stream.open() }
  func write(_ bytes: ByteBuffer) { stream.write(bytes) }
  func end() { stream.end() }
  var isOutboundFull: Bool { stream.isOutboundFull }
  var backends: [String] { stream.backends }

  func clientReads() {
    stream.consumed(uncredited)
    uncredited = 0
  }

  func giveUp() {
    stream.consumed(uncredited)
    uncredited = 0
    stream.giveUp()
  }
}

extension SingleUpstream: BackendStreamHandler {
  func responseBegan(_ fields: HeaderFields) {
    call.respond(fields.forwardedResponse(isHead: true))
  }

  func receiveData(_ data: ByteBuffer) {
    uncredited += data.readableBytes
    call.respond(data)
    if !call.isClientFull { clientReads() }
  }

  func backendReads() { call.backendReads() }

  func ended(_ code: GRPCStatus.Code, trailers: HeaderFields) { call.finish(code, trailers: trailers) }

  func failed(_ status: GRPCStatus) { call.finish(status) }
}
