// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import NIOCore
internal import NetworkExtProc
internal import SwiftProtobuf

/// The rules of Envoy's network ext_proc filter for one connection. Does no I/O.
struct EnvoyNetworkFilterState {
  private(set) var connection = EnvoyConnection()
  /// The callout is not asked any more: bytes pass on their own.
  private(set) var isBypassed = false

  private let filter: EnvoyNetworkFilter
  /// The callout has said all it will.
  private(set) var isOver = false
  private var waitingFor: NetworkDirection?
  private var hasSentFirst = false

  init(_ filter: EnvoyNetworkFilter) { self.filter = filter }

  var isOpen: Bool { connection.state == .open }
  /// An answer is outstanding.
  var isWaiting: Bool { isOpen && waitingFor != nil }

  // MARK: From the connection

  /// Takes what arrives; returns the message for the callout, or nil where it passes without.
  mutating func receive(_ event: EnvoyNetworkFilter.Event) -> NetworkRequestMessage? {
    let (direction, bytes, ends) = event.parts
    let isProcessed = direction == .read ? filter.processesRead : filter.processesWrite
    guard isProcessed, !isBypassed else {
      pass(direction, bytes, ends)
      return nil
    }
    waitingFor = direction
    defer { hasSentFirst = true }
    return message(direction, bytes, ends)
  }

  private func message(_ direction: NetworkDirection, _ bytes: ByteBuffer, _ ends: Bool) -> NetworkRequestMessage {
    let bytes = Array(buffer: bytes)
    var message: NetworkRequestMessage =
      direction == .read ? .readData(bytes: bytes, endOfStream: ends) : .writeData(bytes: bytes, endOfStream: ends)
    message.metadata.filterMetadata = filter.forwardedMetadata
    if !hasSentFirst, !filter.connectionAttributes.isEmpty {
      message = message.withAttributes(filter.connectionAttributes)
    }
    return message
  }

  // MARK: From the callout

  mutating func receive(_ reply: NetworkResponseMessage) {
    guard isOpen, !isBypassed else { return }
    setMetadata(reply.dynamicMetadata)
    switch reply.connectionStatus {
    case .continue, .UNRECOGNIZED: break
    case .close: return close(.closed, reply)
    case .closeRst: return close(.reset, reply)
    }
    if reply.hasReadData {
      if reply.hasWriteData { warn("write_data of a response that has read_data: inject in a response of its own") }
      inject(.read, reply.readData)
    } else if reply.hasWriteData {
      inject(.write, reply.writeData)
    } else if !reply.closeStreamToExtProcServer {
      warn("a response without data: Envoy goes on waiting")
    }
    if reply.closeStreamToExtProcServer { bypass(losing: "close_stream_to_ext_proc_server") }
  }

  private mutating func close(_ state: EnvoyConnection.State, _ reply: NetworkResponseMessage) {
    let data = reply.readData.data.count + reply.writeData.data.count
    if data > 0 { warn("\(data) bytes of a response that closes the connection: let them pass in one before it") }
    connection.state = state
  }

  private mutating func inject(_ direction: NetworkDirection, _ data: Envoy_Service_NetworkExtProc_V3_Data) {
    if waitingFor == direction { waitingFor = nil }
    pass(direction, ByteBuffer(bytes: data.data), data.endOfStream)
  }

  private mutating func setMetadata(_ metadata: Google_Protobuf_Struct) {
    for (namespace, value) in metadata.fields {
      guard filter.receivingNamespaces.contains(namespace) else {
        warn("dynamic metadata in '\(namespace)', which receiving_namespaces.untyped does not list")
        continue
      }
      connection.dynamicMetadata[namespace, default: .init()].fields.merge(value.structValue.fields) { $1 }
    }
  }

  /// The callout has ended the stream with OK: before an answer it leaves the connection alone, else it has said all.
  mutating func ended() {
    isOver = true
    if waitingFor != nil { streamEnded(.ok) }
  }

  /// The callout has ended the stream.
  mutating func streamEnded(_ status: GRPCStatus) {
    guard isOpen, !isBypassed else { return }
    if status == .ok { return bypass(losing: "the stream's end") }
    fail("the stream ended with \(status)", losing: "the failed stream")
  }

  mutating func timedOut() {
    // With nothing to answer, the callout only has not ended its side: it has said all.
    guard waitingFor != nil else { return isOver = true }
    fail("no answer within \(filter.messageTimeout)", losing: "the timeout")
  }

  private mutating func fail(_ reason: String, losing cause: String) {
    if filter.failureModeAllow { bypass(losing: cause) } else { connection.state = .failed(reason) }
  }

  private mutating func bypass(losing cause: String) {
    if waitingFor != nil { warn("the bytes without an answer are lost by \(cause)") }
    waitingFor = nil
    isBypassed = true
  }

  // MARK: To the connection

  private mutating func pass(_ direction: NetworkDirection, _ bytes: ByteBuffer, _ ends: Bool) {
    guard direction == .read ? !connection.upstreamSawEnd : !connection.clientSawEnd else {
      return warn("bytes after the end of their direction")
    }
    switch direction {
    case .read:
      connection.upstreamBytes.writeImmutableBuffer(bytes)
      connection.upstreamSawEnd = ends
    case .write:
      connection.clientBytes.writeImmutableBuffer(bytes)
      connection.clientSawEnd = ends
    }
  }

  private mutating func warn(_ what: String) { connection.warnings.append("Envoy ignores " + what) }
}

extension EnvoyNetworkFilter.Event {
  fileprivate var parts: (NetworkDirection, ByteBuffer, ends: Bool) {
    switch self {
    case .clientSends(let bytes): (.read, bytes, false)
    case .clientEnds: (.read, ByteBuffer(), true)
    case .upstreamSends(let bytes): (.write, bytes, false)
    case .upstreamEnds: (.write, ByteBuffer(), true)
    }
  }
}
