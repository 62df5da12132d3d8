// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore

/// A call to many backends at once. Confined to the call's event loop.
final class FanOutUpstream: Upstream {
  private unowned let call: ForwardedCall
  private let fanOut: FanOut
  private let maxMessageLength: Int
  private var branches: [Branch] = []
  /// Bytes that wait to be merged, of all branches.
  private var mergedBytes = 0
  private var isOver = false

  init(_ call: ForwardedCall, _ fanOut: FanOut, maxMessageLength: Int) {
    self.call = call
    self.fanOut = fanOut
    self.maxMessageLength = maxMessageLength
    branches = fanOut.pools.map { pool in Branch(self, call, pool, maxMessageLength: maxMessageLength) }
  }

  // MARK: From the call

  func open() {
    for branch in branches where !isOver { branch.stream.open() }
    finishIfAllEnded()
  }

  func write(_ bytes: ByteBuffer) {
    for branch in branches where !branch.hasEnded { branch.stream.write(bytes) }
  }

  func end() {
    for branch in branches where !branch.hasEnded { branch.stream.end() }
  }

  var isOutboundFull: Bool { branches.contains { !$0.hasEnded && $0.stream.isOutboundFull } }

  var backends: [String] { branches.flatMap(\.stream.backends) }

  func clientReads() {
    for branch in branches { branch.returnCredit() }
  }

  func giveUp() {
    isOver = true
    for branch in branches {
      branch.returnCredit()
      branch.stream.giveUp()
    }
  }

  // MARK: From the branches

  fileprivate func responseBegan(_ fields: HeaderFields) { call.respond(fields.forwardedResponse(isHead: true)) }

  fileprivate func received(_ message: ByteBuffer, from branch: Branch) {
    do {
      answer(try fanOut.rewrite?(message, branch.name) ?? message, of: branch)
    } catch {
      branch.stream.giveUp()
      ended(branch, GRPCStatus(error))
    }
  }

  fileprivate func wroteToClient(for branch: Branch) {
    if !call.isClientFull { branch.returnCredit() }
  }

  fileprivate func backendReads() { call.backendReads() }

  /// - Parameter trailers: of a backend that ended the call itself.
  fileprivate func ended(_ branch: Branch, _ status: GRPCStatus, trailers: HeaderFields? = nil) {
    guard !isOver, !branch.hasEnded else { return }
    branch.hasEnded = true
    if status.code != .ok {
      guard let item = fanOut.describeFailure(status, branch.name) else {
        return trailers.map { call.finish(status.code, trailers: $0) } ?? call.finish(status)
      }
      answer(item, of: branch)
    }
    // The others may have waited for this one.
    call.backendReads()
    finishIfAllEnded()
  }

  private func answer(_ message: ByteBuffer, of branch: Branch) {
    switch fanOut.answers {
    case .interleaved: send(message)
    case .merged:
      mergedBytes += message.readableBytes
      guard mergedBytes <= maxMessageLength else {
        return call.finish(
          GRPCStatus(.resourceExhausted, "merged answers of \(mergedBytes) bytes, limit \(maxMessageLength)"))
      }
      branch.answers.writeImmutableBuffer(message)
    }
  }

  private func send(_ message: ByteBuffer) {
    call.respond(GRPCFields.plainResponseHeaders)
    var bytes = ByteBuffer()
    bytes.writeGRPCMessage { $0.writeImmutableBuffer(message) }
    call.respond(bytes)
  }

  private func finishIfAllEnded() {
    guard !isOver, branches.allSatisfy(\.hasEnded) else { return }
    if fanOut.answers == .merged {
      var merged = ByteBuffer()
      for branch in branches { merged.writeImmutableBuffer(branch.answers) }
      send(merged)
    }
    call.finish(.ok)
  }
}

/// One of the backends of a call to many.
private final class Branch: BackendStreamHandler {
  let name: String
  private(set) var stream: BackendStream!
  var hasEnded = false
  /// What is to be merged.
  var answers = ByteBuffer()
  private unowned let fanOut: FanOutUpstream
  private var deframer: MessageDeframer
  private var uncredited = 0

  init(_ fanOut: FanOutUpstream, _ call: ForwardedCall, _ pool: BackendPool, maxMessageLength: Int) {
    self.fanOut = fanOut
    name = pool.name
    deframer = MessageDeframer(maxMessageLength: maxMessageLength)
    stream = BackendStream(call, pool, refusesCompression: true, handler: self)
  }

  func returnCredit() {
    stream.consumed(uncredited)
    uncredited = 0
  }

  func responseBegan(_ fields: HeaderFields) { fanOut.responseBegan(fields) }

  func receiveData(_ data: ByteBuffer) {
    uncredited += data.readableBytes
    deframer.append(data)
    do throws(GRPCStatus) {
      while !hasEnded, let message = try deframer.next() {
        guard !message.compressed else { throw GRPCStatus(.internal, "a compressed message that was not asked for") }
        fanOut.received(message.payload, from: self)
      }
    } catch {
      stream.giveUp()
      fanOut.ended(self, error)
    }
    fanOut.wroteToClient(for: self)
  }

  func backendReads() { fanOut.backendReads() }

  func ended(_ code: GRPCStatus.Code, trailers: HeaderFields) {
    let message = PercentEncoding.decode((trailers["grpc-message"] ?? "").utf8)
    guard code != .ok || !deframer.isMidMessage else {
      return fanOut.ended(self, GRPCStatus(.internal, "the answer ended in the middle of a message"))
    }
    fanOut.ended(self, GRPCStatus(code, message), trailers: trailers)
  }

  func failed(_ status: GRPCStatus) { fanOut.ended(self, status) }
}
