// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
package import NIOCore
internal import SwiftProtobuf

/// Writes one message, whose bytes the closure appends.
package typealias SendMessage = ((inout ByteBuffer) -> Void) -> Void

extension ProcessingState {
  mutating func receive(_ flowControl: ProcessingRequest.FlowControl) {
    if let start = flowControl.start {
      windows = FlowControlWindows(receiving: start.receiving, sending: start.sending)
    }
    guard let increments = flowControl.increments else { return }
    windows?.add(increments.request, toSendingOf: .request)
    windows?.add(increments.response, toSendingOf: .response)
  }

  /// Takes note that the callout is done with bytes of a body that arrived.
  package mutating func consumed(_ count: Int, _ direction: Direction) { windows?.consumed(count, direction) }

  /// The proxy wants ext_proc's own flow control.
  package var hasFlowControl: Bool { windows != nil }

  /// The proxy is owed a message about its windows, or something waits for ours.
  package var hasFlowControlWork: Bool {
    guard let windows else { return false }
    return windows.isUpdateOwed || !request.outbox.isEmpty || !response.outbox.isEmpty
  }

  /// Something to be sent waits for the proxy's window.
  package var isWaitingForWindow: Bool { !request.outbox.isEmpty || !response.outbox.isEmpty }

  /// Sends what the proxy is owed about its windows, and what had to wait for ours.
  package mutating func sendFlowControl(_ send: SendMessage) {
    if windows?.isUpdateOwed == true, let update = windows?.takeUpdate() {
      send { buffer in buffer.writeWindowUpdate(update) }
    }
    for direction in Direction.allCases where !self[direction].outbox.isEmpty { flush(direction, send) }
  }

  /// Sends a piece of body as far as the proxy's window has room for it.
  mutating func sendStreamed(
    _ body: StreamedBody, _ phase: Phase, _ attachments: ReplyAttachments, _ send: SendMessage
  ) {
    guard windows != nil else {
      return send { buffer in
        body.write(phase, to: &buffer)
        if !attachments.isEmpty { buffer.write(attachments.message(nil)) }
      }
    }
    self[phase.direction].outbox.append(.body(body, phase, attachments))
    flush(phase.direction, send)
  }

  /// Sends a message that must not overtake what waits.
  mutating func sendInOrder(_ direction: Direction, _ write: @escaping (inout ByteBuffer) -> Void, _ send: SendMessage)
  {
    guard !self[direction].outbox.isEmpty else { return send(write) }
    var message = ByteBuffer()
    write(&message)
    self[direction].outbox.append(.message(message))
  }

  private mutating func flush(_ direction: Direction, _ send: SendMessage) {
    var sent = 0
    outbox: for entry in self[direction].outbox {
      switch entry {
      case .message(let message): send { $0.writeImmutableBuffer(message) }
      case .body(let body, let phase, let attachments):
        guard let rest = sendPart(of: body, phase, attachments, send) else { break }
        self[direction].outbox[sent] = .body(rest, phase, ReplyAttachments())
        break outbox
      }
      sent += 1
    }
    self[direction].outbox.removeFirst(sent)
  }

  /// Sends as much of a piece as the window has room for, and returns what is left.
  private mutating func sendPart(
    of body: StreamedBody, _ phase: Phase, _ attachments: ReplyAttachments, _ send: SendMessage
  ) -> StreamedBody? {
    let room = windows?.room(phase.direction) ?? .max
    var part = body
    var rest: StreamedBody?
    if body.bytes.readableBytes > room {
      // A message of the GRPC mode is not cut, and may go beyond a window that has any room.
      guard room > 0 else { return body }
      if self[phase.direction].mode != .grpc { rest = part.cut(at: room) }
    }
    windows?.sent(part.bytes.readableBytes, phase.direction)
    send { buffer in
      part.write(phase, to: &buffer)
      if !attachments.isEmpty { buffer.write(attachments.message(nil)) }
    }
    return rest
  }
}

extension StreamedBody {
  /// Keeps the first bytes and returns the others, with what is said of the end.
  fileprivate mutating func cut(at length: Int) -> StreamedBody {
    var rest = self
    bytes = rest.bytes.readSlice(length: length)!
    (endOfStream, withoutMessage, drainComplete) = (false, false, false)
    return rest
  }
}

extension ByteBuffer {
  /// Writes ProcessingResponse{server_window_update = 14}.
  fileprivate mutating func writeWindowUpdate(_ update: (request: Int64, response: Int64)) {
    write(
      ProcessingResponseMessage.with {
        $0.serverWindowUpdate.windowIncrementDownstreamToSidestream = update.request
        $0.serverWindowUpdate.windowIncrementUpstreamToSidestream = update.response
      })
  }

  /// Appends a generated message's fields.
  mutating func write(_ message: ProcessingResponseMessage) {
    // It has no required fields and its strings are Swift's, so that nothing can go wrong.
    writeBytes((try? message.serializedBytes() as [UInt8]) ?? [])
  }
}
