// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import NIOCore
import NIOPosix

/// A client that keeps nothing of what it is sent, so that it is no measure of itself. Confined to its event loop.
final class LoadClient: HTTP2ConnectionObserver, HTTP2StreamHandler {
  private let variant: Load.Variant
  private let name: String
  private let changed: Int
  private let isStuck: Bool
  private let laps: Laps
  private var channel: (any Channel)?
  private var stream: HTTP2Stream?
  private var deframer = MessageDeframer(maxMessageLength: 1 << 30)
  /// Resources that are still to come in this lap.
  private var awaited: Int
  private var lap = 0
  private var isClosing = false
  /// Bytes of messages, as they came.
  private(set) var bytes = 0

  init(_ variant: Load.Variant, name: String, clusters: Int, changed: Int, isStuck: Bool, _ laps: Laps) {
    self.variant = variant
    self.name = name
    self.changed = changed
    self.isStuck = isStuck
    self.laps = laps
    awaited = clusters
  }

  static func connect(_ client: NIOLoopBound<LoadClient>, to address: SocketAddress) -> EventLoopFuture<Void> {
    ClientBootstrap(group: client.eventLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        var http2 = HTTP2Configuration()
        http2.streamWindow = window
        try channel.pipeline.syncOperations.addHandler(
          HTTP2ConnectionHandler(
            session: HTTP2Session(role: .client, configuration: http2), observer: client.value))
      }
    }.connect(to: address).map { client.value.channel = $0 }
  }

  func close() {
    isClosing = true
    channel?.close(promise: nil)
  }

  // MARK: HTTP2ConnectionObserver

  func connectionOpened(_ connection: HTTP2ConnectionHandler) {
    do throws(HTTP2Error) {
      let stream = try connection.session.openStream(variant.fields)
      stream.handler = self
      self.stream = stream
      send("", version: "")
    } catch {
      failed(GRPCStatus(.unavailable, "\(error)"))
    }
  }

  func streamOpened(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> (any HTTP2StreamHandler)? { nil }
  func eventsDispatched() {}
  func connectionGoingAway(_ connection: HTTP2ConnectionHandler, _ code: HTTP2ErrorCode, lastStream: Int32) {}
  func connectionTerminated(_ code: HTTP2ErrorCode) {}
  func connectionFailed(_ error: any Error) { failed(GRPCStatus(.unavailable, "\(error)")) }
  func connectionClosed(_ connection: HTTP2ConnectionHandler) { stream = nil }

  // MARK: HTTP2StreamHandler

  var isBusy: Bool { false }

  func receiveHeaders(_ fields: HeaderFields) {
    guard let code = fields["grpc-status"].flatMap({ Int($0) }) else { return }
    failed(GRPCStatus(.init(rawValue: code), fields["grpc-message"] ?? ""))
  }

  func receiveData(_ data: consuming ByteBuffer) {
    // The first response shows that the stream is there; nothing more is taken from the connection.
    guard !isStuck else { return stopReading() }
    let count = data.readableBytes
    bytes += count
    deframer.append(data)
    do throws(GRPCStatus) {
      while let message = try deframer.next() { receive(message.payload) }
    } catch {
      failed(error)
    }
    stream?.consumed(count)
  }

  private func stopReading() { channel?.setOption(.autoRead, value: false).whenFailure { _ in } }

  func receiveEnd() {}
  func outboundDrained() {}

  func streamClosed(_ code: HTTP2ErrorCode) {
    failed(GRPCStatus(.unavailable, "\(name) lost its stream: \(code)"))
  }

  /// A server may do what it likes with a client that does not read.
  private func failed(_ status: GRPCStatus) { if !isClosing, !isStuck { laps.failed(status) } }

  // MARK: Discovery

  private func receive(_ message: ByteBuffer) {
    let response = ResponseOutline(message)
    send(response.nonce, version: response.version)
    // A State of the World response has everything, whatever changed.
    awaited = variant == .delta ? awaited - response.resources : 0
    guard awaited <= 0 else { return }
    laps.finished(lap, at: .now())
    lap += 1
    awaited = changed
  }

  /// The first request where there is no nonce, or an acknowledgement.
  private func send(_ nonce: String, version: String) {
    guard let request = try? variant.request(nonce: nonce, version: version, node: name) else { return }
    stream?.write { buffer in buffer.writeGRPCMessage { $0.writeBytes(request) } }
  }

  /// Envoy's own default.
  private static let window = 16 * 1_024 * 1_024
}
