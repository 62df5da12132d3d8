// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
public import NIOCore

/// One direction of an exchange as it arrives: its headers, then its body as a sequence, then perhaps trailers.
///
/// Belongs to the event loop of its connection, as do the hooks that are given it.
public final class IncomingMessage {
  public let direction: Direction
  /// The headers; empty where the proxy does not send them.
  public let headers: HTTPHeaders
  /// The trailers, once the body has been read to its end, or nil where there are none.
  public private(set) var trailers: HTTPHeaders?

  /// GRPC mode: each piece is a message, an empty one too.
  let carriesMessages: Bool
  private let sink: any CalloutStreamSink
  private var pieces: [HTTPBody] = []
  private var next = 0
  private var hasEnded: Bool
  private var failure: (any Error)?
  private var reader: UnsafeContinuation<Void, Never>?

  package init(_ direction: Direction, headers: HTTPHeaders?, mode: BodySendMode?, sink: any CalloutStreamSink) {
    self.direction = direction
    self.headers = headers ?? .none
    self.sink = sink
    carriesMessages = mode == .grpc
    hasEnded = headers?.endOfStream ?? false
  }

  /// The body, piece by piece as the proxy sends it; it can be read once.
  ///
  /// While pieces are not read no more than 256 KiB are taken from the proxy. Reading throws `CancellationError` when
  /// the proxy gives the exchange up.
  public var body: Body { Body(message: self) }

  public struct Body: AsyncSequence, AsyncIteratorProtocol {
    public typealias Element = HTTPBody
    let message: IncomingMessage

    public func makeAsyncIterator() -> Body { self }

    public mutating func next() async throws -> HTTPBody? { try await message.nextPiece() }
  }

  /// Reads the rest of the body; throws a `CalloutError` where it is longer than `limit` bytes.
  public func collectBody(upTo limit: Int) async throws -> ByteBuffer {
    var collected = ByteBuffer()
    while let piece = try await nextPiece() {
      guard collected.readableBytes + piece.bytes.readableBytes <= limit else {
        throw CalloutError(.bodyTooLong, "the \(direction)'s body is longer than \(limit) bytes")
      }
      collected.writeImmutableBuffer(piece.bytes)
    }
    return collected
  }

  // MARK: Reading

  func nextPiece() async throws -> HTTPBody? {
    while true {
      if next < pieces.count { return take() }
      if let failure { throw failure }
      if hasEnded { return nil }
      await withUnsafeContinuation { continuation in
        reader = continuation
        sink.isWaitingForInput()
      }
    }
  }

  private func take() -> HTTPBody {
    wasRead = true
    let piece = pieces[next]
    next += 1
    if next == pieces.count {
      pieces.removeAll(keepingCapacity: true)
      next = 0
    }
    bufferedBytes -= piece.bytes.readableBytes
    sink.consumed(piece.bytes.readableBytes, direction)
    return piece
  }

  // MARK: Arriving

  /// Bytes that arrived and were not read.
  package private(set) var bufferedBytes = 0

  /// The proxy stopped sending before the body's end, as it was asked to.
  private(set) var isDrained = false

  /// The hook has taken pieces, so that they cannot pass by themselves any more.
  package private(set) var wasRead = false

  /// The hook waits for more to arrive.
  package var isAwaited: Bool { reader != nil }

  package func receive(_ body: HTTPBody) {
    guard !hasEnded else { return }
    isDrained = body.drainComplete
    hasEnded = body.endOfStream || body.endOfStreamWithoutMessage || body.drainComplete
    if body.bytes.readableBytes > 0 || carriesMessages && !body.endOfStreamWithoutMessage {
      bufferedBytes += body.bytes.readableBytes
      pieces.append(body)
    }
    wake()
  }

  package func receive(trailers: HTTPHeaders) {
    hasEnded = true
    self.trailers = trailers
    wake()
  }

  /// The proxy sends no more, without having said that the body is at its end.
  package func endInput() {
    isDrained = isDrained || !hasEnded
    hasEnded = true
    wake()
  }

  /// No more will arrive: reading throws this once what arrived is read.
  package func fail(_ error: any Error) {
    failure = failure ?? error
    wake()
  }

  private func wake() {
    let reader = reader
    self.reader = nil
    reader?.resume()
  }
}
