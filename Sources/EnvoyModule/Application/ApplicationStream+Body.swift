// SPDX-License-Identifier: Apache-2.0
internal import HTTPTypes
internal import NIOCore

// The request's body, which stays in Envoy until it is read.
extension ApplicationStream {
  /// What is known of the body.
  struct Incoming {
    /// The request is here to its end.
    var hasEnded = false
    var hasTrailers = false
    /// They are here once the body has been read.
    var trailers: HTTPFields?
    /// What was read.
    fileprivate var length = 0
    fileprivate var readers: [UnsafeContinuation<Void, Never>] = []
  }

  func nextPiece() async throws -> ByteBuffer? {
    while true {
      try checkOpen()
      let piece = takePiece()
      if piece.readableBytes > 0 {
        incoming.length += piece.readableBytes
        if let limit = limits.body, incoming.length > limit { throw HTTPFailure(.contentTooLarge) }
        return piece
      }
      if incoming.hasEnded {
        if incoming.hasTrailers, incoming.trailers == nil {
          incoming.trailers = HTTPFields(envoy, .requestTrailers)
        }
        return nil
      }
      await waitForMore()
    }
  }

  /// Returns when more may have arrived, or the task is cancelled.
  private func waitForMore() async {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { incoming.readers.append($0) }
    } onCancel: {
      // On whatever thread cancels; all readers look again.
      inLaterTurn { self.wakeReaders() }
    }
  }

  func wakeReaders() {
    let readers = incoming.readers
    incoming.readers = []
    for reader in readers { reader.resume() }
  }

  /// All that Envoy has of the body.
  private func takePiece() -> ByteBuffer {
    var piece = ByteBuffer()
    for place in [BodyKind.bufferedRequest, .receivedRequest] {
      for chunk in envoy.body(place) { piece.writeBytes(chunk) }
      envoy.drainBody(place)
    }
    return piece
  }
}
