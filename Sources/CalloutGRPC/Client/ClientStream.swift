// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
package import NIOCore

/// A request's stream, on whichever connection takes it.
///
/// It is opened as soon as there is a connection, and again where the server did not look at the request: where it
/// refused the stream, or the connection went away before it. What is written meanwhile is kept. Confined to an event
/// loop.
package final class ClientStream: HTTP2StreamHandler {
  private var source: (any ClientConnectionSource)?
  private var handler: (any ClientStreamHandler)?
  @exclusivity(unchecked) private var stream: HTTP2Stream?
  @exclusivity(unchecked) private var kept = Kept()
  private var attempts = 0
  @exclusivity(unchecked) private var hasResponse = false
  private var isOver = false

  /// What was written and may have to be sent again.
  private struct Kept {
    var pieces: [ByteBuffer] = []
    var byteCount = 0
    var hasEnded = false
    /// It has all that was written.
    var isWhole = true
  }

  /// How a stream ended.
  package enum Ending {
    /// The server, or we, ended it: NO_ERROR after its last frame, or the code of a reset.
    case closed(HTTP2ErrorCode)
    case connectionLost
    /// There was no connection to open it on.
    case neverOpened(GRPCStatus)
  }

  package init(from source: any ClientConnectionSource, handler: any ClientStreamHandler) {
    self.source = source
    self.handler = handler
  }

  /// Opens the stream on the connection that the source has for it.
  package func open() {
    attempts += 1
    source?.connection { [self] result in
      guard !isOver else { return }
      switch result {
      case .success(let connection): open(on: connection)
      case .failure(let reason): end(.neverOpened(reason))
      }
    }
  }

  private func open(on connection: GRPCClientConnection) {
    guard let handler else { return }
    let stream: HTTP2Stream
    do throws(GRPCStatus) {
      stream = try connection.openStream(handler.requestFields(on: connection), self)
    } catch {
      // This connection takes no more; another may.
      return attempts < Self.mostAttempts ? open() : end(.neverOpened(error))
    }
    self.stream = stream
    for piece in kept.pieces { stream.write(before: piece) { _ in } }
    if kept.hasEnded { stream.end() }
    if kept.byteCount > Self.mostKept { forget() }
    handler.opened()
    if !stream.isOutboundFull { handler.outboundDrained() }
  }

  // MARK: Sending

  /// Sends what `body` writes.
  package func write(_ body: (inout ByteBuffer) -> Void) {
    guard kept.isWhole else {
      stream?.write(body)
      return
    }
    var bytes = ByteBuffer()
    body(&bytes)
    write(bytes)
  }

  /// Sends bytes. They are not copied but held until they are sent, unless they are few or a small part of the memory that
  /// they would hold.
  package func write(_ bytes: ByteBuffer) {
    guard !isOver else { return }
    if kept.isWhole {
      kept.pieces.append(bytes.withoutMuchAround)
      kept.byteCount += bytes.readableBytes
      if stream != nil, kept.byteCount > Self.mostKept { forget() }
    }
    stream?.write(before: bytes) { _ in }
  }

  /// Ends our side.
  package func end() {
    guard !isOver else { return }
    kept.hasEnded = true
    stream?.end()
  }

  /// Gives the stream up; the handler is told no more.
  package func reset(_ code: HTTP2ErrorCode) {
    guard !isOver else { return }
    isOver = true
    handler = nil
    source = nil
    stream?.reset(code)
    forget()
  }

  /// More was written than should be held for a server that does not read: `outboundDrained` tells when it has left.
  package var isOutboundFull: Bool { stream?.isOutboundFull ?? (kept.byteCount > Self.mostWaiting) }

  /// Gives back flow-control credit for bytes that were dealt with.
  package func consumed(_ bytes: Int) { stream?.consumed(bytes) }

  // MARK: From the stream

  package var isBusy: Bool { false }

  package func receiveHeaders(_ fields: HeaderFields) {
    answered()
    handler?.receiveHeaders(fields)
  }

  package func receiveData(_ data: consuming ByteBuffer) {
    answered()
    guard let handler else { return consumed(data.readableBytes) }
    handler.receiveData(data)
  }

  package func receiveEnd() { handler?.receiveEnd() }

  package func outboundDrained() { handler?.outboundDrained() }

  package func streamClosed(_ code: HTTP2ErrorCode) {
    guard !isOver, let stream else { return }
    let isUnseen = !hasResponse && (code == .refusedStream || !stream.hasLeft)
    if isUnseen, kept.isWhole, attempts < Self.mostAttempts {
      self.stream = nil
      return open()
    }
    end(stream.isCutOff ? .connectionLost : .closed(code))
  }

  // MARK: Inside

  private func answered() {
    guard !hasResponse else { return }
    hasResponse = true
    forget()
  }

  private func forget() {
    kept.pieces = []
    kept.isWhole = false
  }

  private func end(_ ending: Ending) {
    isOver = true
    source = nil
    forget()
    let handler = handler
    self.handler = nil
    handler?.streamClosed(ending)
  }

  /// Bytes that are kept to be sent again: the first messages of nearly all calls.
  private static let mostKept = 64 * 1_024
  /// Bytes that may wait for a connection before the writer is asked to pause.
  private static let mostWaiting = 256 * 1_024
  /// A server that refuses again and again has to be believed.
  private static let mostAttempts = 3
}

extension ByteBuffer {
  /// The same bytes, copied where they would keep much more memory than they are: what was read lies there in large pieces.
  package var withoutMuchAround: ByteBuffer {
    guard readableBytes * 4 < storageCapacity else { return self }
    var copy = ByteBuffer()
    copy.writeImmutableBuffer(self)
    return copy
  }
}

/// What a client's stream tells, on its event loop.
package protocol ClientStreamHandler: AnyObject {
  /// The request's header section, for a connection that the stream is opened on.
  func requestFields(on connection: GRPCClientConnection) -> HeaderFields
  /// The stream is open; called again where it is opened again.
  func opened()
  func receiveHeaders(_ fields: HeaderFields)
  /// The handler returns the credit of the bytes with `ClientStream.consumed(_:)`.
  func receiveData(_ data: consuming ByteBuffer)
  func receiveEnd()
  /// What was over the high-water mark has left.
  func outboundDrained()
  /// Called once, last; not after `reset`.
  func streamClosed(_ ending: ClientStream.Ending)
}
