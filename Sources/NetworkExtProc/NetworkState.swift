// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

/// The rules of a connection's stream: in which messages a reply is told. Does no I/O.
///
/// What Envoy 1.36 to 1.40 was seen to do:
/// - It forwards the data of each response, whatever `data_processing_status` says; without any, the bytes are lost.
/// - Of a response with data of both directions it reads only `read_data`: what is injected needs a message of its own.
/// - It drops the data of a response that closes the connection: that, too, is told in a message of its own.
/// - Each message of its own needs an answer in the same direction, be it empty, or its timeout closes the connection.
struct NetworkState {
  private var ended: Set<NetworkDirection> = []
  /// The proxy was told to close the connection: what crossed that on the way is not answered.
  private(set) var isOver = false

  /// Tells `send` the messages that answer a request. What cannot be injected, because that direction has ended, is left
  /// out: whether it has is the peers' doing, who could otherwise undo what the reply says of these bytes.
  mutating func answer(
    _ request: NetworkRequest, _ direction: NetworkDirection, with reply: NetworkReply, _ send: (NetworkMessage) -> Void
  ) {
    if let injected = reply.injected, canInject(against: direction) {
      for chunk in injected.chunks(ofAtMost: StreamedBody.maxLength) {
        send(NetworkMessage(direction.opposite, chunk, endOfStream: false))
      }
    }
    let attachments = NetworkMessage.Attachments(reply)
    if reply.passesData {
      switch reply.action {
      case .proceed: send(NetworkMessage(passing: request.field, attachments))
      case .replace(let chunks): replace(request, direction, chunks, attachments, send)
      }
    }
    if request.data.endOfStream { ended.insert(direction) }
    guard reply.connectionStatus != .continue else { return }
    send(NetworkMessage(reply.connectionStatus, reply.passesData ? NetworkMessage.Attachments() : attachments))
    isOver = true
  }

  /// Bytes can still be injected in answer to a message of this direction.
  func canInject(against direction: NetworkDirection) -> Bool { !ended.contains(direction.opposite) }

  /// Has the proxy close the connection, whatever it is about to ask.
  mutating func close(_ send: (NetworkMessage) -> Void) {
    guard !isOver else { return }
    isOver = true
    send(NetworkMessage(.close))
  }

  private func replace(
    _ request: NetworkRequest, _ direction: NetworkDirection, _ chunks: [ByteBuffer],
    _ attachments: NetworkMessage.Attachments, _ send: (NetworkMessage) -> Void
  ) {
    var pieces = chunks.flatMap { $0.chunks(ofAtMost: StreamedBody.maxLength) }
    let last = pieces.popLast() ?? ByteBuffer()
    for piece in pieces { send(NetworkMessage(direction, piece, endOfStream: false)) }
    send(NetworkMessage(direction, last, endOfStream: request.data.endOfStream, attachments))
  }
}
