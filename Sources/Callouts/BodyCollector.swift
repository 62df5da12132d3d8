// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import NIOCore

/// Collects a body that comes in pieces, up to a limit; pure.
package struct BodyCollector: Sendable {
  /// What to do with a piece that arrived.
  package enum Step: Sendable {
    /// It was taken; more is to come.
    case collect
    /// Ask the callout about this whole body, or about the piece itself where it is all.
    case deliver(HTTPBody?)
    /// The body is over the limit: refuse the exchange.
    case reject
    /// The body is over the limit: give back what was taken, this piece included, and let the rest pass.
    case giveBack(HTTPBody)
    /// Let this piece pass.
    case pass
  }

  private let handling: BodyHandling
  private var collected = ByteBuffer()
  private var length = 0
  private var isPassing = false

  package init(_ handling: BodyHandling) { self.handling = handling }

  /// Pieces were taken and not yet delivered.
  package var isCollecting: Bool { collected.readableBytes > 0 }

  package mutating func receive(_ piece: HTTPBody, _ mode: BodySendMode?) -> Step {
    guard !isPassing else { return .pass }
    // Of the modes that give a whole at once each message is one by itself.
    let isWhole = mode == .buffered || mode == .bufferedPartial || mode == .grpc
    if isWhole { length = 0 }
    length += piece.bytes.readableBytes
    guard length <= handling.limit ?? .max else { return overLimit(piece, isWhole) }
    guard handling.delivery == .whole, !isWhole else { return .deliver(nil) }
    let isLast = piece.endOfStream || piece.drainComplete
    if isLast, collected.readableBytes == 0 { return .deliver(nil) }
    collected.writeImmutableBuffer(piece.bytes)
    guard isLast else { return .collect }
    return .deliver(takeBody(endingWith: piece))
  }

  /// The body that trailers show to be complete, if pieces of it were collected.
  package mutating func takeBody(endingWith lastPiece: HTTPBody) -> HTTPBody {
    length = 0
    defer { collected = ByteBuffer() }
    return HTTPBody(collected, lastPiece: lastPiece)
  }

  /// The collected body, to be given back; what follows of it passes.
  package mutating func giveBack(endingWith lastPiece: HTTPBody) -> HTTPBody {
    isPassing = true
    return takeBody(endingWith: lastPiece)
  }

  private mutating func overLimit(_ piece: HTTPBody, _ isWhole: Bool) -> Step {
    guard case .passThrough = handling.overLimit else { return .reject }
    guard handling.delivery == .whole, !isWhole else {
      isPassing = !isWhole
      return .pass
    }
    collected.writeImmutableBuffer(piece.bytes)
    return .giveBack(giveBack(endingWith: piece))
  }
}
