// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A message as it came off the wire, its payload still compressed when the flag says so.
package struct FramedMessage: Hashable, Sendable {
  package var compressed: Bool
  package var payload: ByteBuffer
}

/// Cuts the bytes of a stream into length-prefixed messages.
///
/// Append each piece of DATA, then call `next()` until it returns nil. A message that lies whole in one piece comes
/// out as a slice of it, uncopied; a message split over pieces is collected in a buffer of its own, and only that
/// message. Source: "gRPC over HTTP/2", Length-Prefixed-Message.
package struct MessageDeframer: Sendable {
  /// The longest payload accepted, in bytes as sent, that is before decompression.
  package let maxMessageLength: Int

  /// Bytes appended and not yet looked at; nil where there are none, which costs less than an empty buffer.
  private var input: ByteBuffer?
  /// The start of a message whose rest has not come yet, prefix included.
  package private(set) var partial: ByteBuffer?

  package init(maxMessageLength: Int) {
    self.maxMessageLength = maxMessageLength
  }

  /// The bytes held, of whole messages not yet taken and of one still incomplete.
  package var bytesBuffered: Int { (partial?.readableBytes ?? 0) + (input?.readableBytes ?? 0) }

  /// Whether the stream, ending now, would end inside a message; asked after `next()` has returned nil.
  package var isMidMessage: Bool { bytesBuffered > 0 }

  /// Takes in the next bytes of the stream.
  ///
  /// Bytes appended before `next()` has returned nil are copied behind those still held.
  package mutating func append(_ bytes: consuming ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    if input == nil {
      input = bytes
    } else {
      input?.writeImmutableBuffer(bytes)
    }
  }

  /// The next whole message, or nil until more bytes come.
  ///
  /// Throws as soon as a prefix is known to be wrong, and the same again on every later call: RESOURCE_EXHAUSTED for
  /// a length over `maxMessageLength`, INTERNAL for a compressed flag other than 0 and 1.
  package mutating func next() throws(GRPCStatus) -> FramedMessage? {
    guard partial == nil else { return try completePartial() }
    let prefix = try Self.peekPrefix(of: input, maxMessageLength)
    guard var piece = input.take() else { return nil }
    guard let prefix, piece.readableBytes >= prefix.messageEnd else {
      partial = ByteBuffer()
      if let prefix { reservePartial(for: prefix, arriving: piece.readableBytes) }
      partial?.writeImmutableBuffer(piece)
      return nil
    }
    piece.moveReaderIndex(forwardBy: ByteBuffer.grpcPrefixLength)
    // Nearly always the piece is this message and nothing else: it is passed on as it is.
    guard piece.readableBytes > prefix.length else {
      return FramedMessage(compressed: prefix.compressed, payload: piece)
    }
    let payload = piece.readSlice(length: prefix.length)!
    input = piece
    return FramedMessage(compressed: prefix.compressed, payload: payload)
  }

  private mutating func completePartial() throws(GRPCStatus) -> FramedMessage? {
    moveToPartial(upTo: ByteBuffer.grpcPrefixLength)
    guard let prefix = try Self.peekPrefix(of: partial, maxMessageLength) else { return nil }
    reservePartial(for: prefix, arriving: missing(of: prefix.messageEnd))
    moveToPartial(upTo: prefix.messageEnd)
    guard partial?.readableBytes == prefix.messageEnd, var message = partial.take() else { return nil }
    message.moveReaderIndex(forwardBy: ByteBuffer.grpcPrefixLength)
    return FramedMessage(compressed: prefix.compressed, payload: message)
  }

  /// The bytes that the partial message lacks of so many, as far as they are there.
  private func missing(of length: Int) -> Int {
    min(length - (partial?.readableBytes ?? 0), input?.readableBytes ?? 0)
  }

  /// Moves bytes from the front of the input to the partial message, letting go of an input used up.
  private mutating func moveToPartial(upTo length: Int) {
    let count = missing(of: length)
    guard count > 0, let piece = input?.readSlice(length: count) else { return }
    partial?.writeImmutableBuffer(piece)
    if input?.readableBytes == 0 { input = nil }
  }

  /// Makes room for the whole message up to a usual size, which costs no memory before bytes come; for a larger one only
  /// as they come, at most doubling, since the length is the peer's claim.
  private mutating func reservePartial(for prefix: Prefix, arriving: Int) {
    let capacity = partial?.capacity ?? 0
    let needed = (partial?.readableBytes ?? 0) + arriving
    guard needed > capacity || capacity < Self.trustedReservation else { return }
    partial?.reserveCapacity(min(prefix.messageEnd, max(needed, 2 * capacity, Self.trustedReservation)))
  }

  /// Envoy buffers up to 1 MiB by default, and sends so much in a message, and a little around it.
  private static let trustedReservation = 1_024 * 1_024 + 64

  private struct Prefix {
    var compressed: Bool
    var length: Int
    var messageEnd: Int { ByteBuffer.grpcPrefixLength + length }
  }

  // A function of the type: one of the value would have it copied, for it is being changed.
  private static func peekPrefix(of buffer: ByteBuffer?, _ maxMessageLength: Int) throws(GRPCStatus) -> Prefix? {
    guard let buffer, buffer.readableBytes >= ByteBuffer.grpcPrefixLength else { return nil }
    let (flag, length) = buffer.withUnsafeReadableBytes { bytes in
      (bytes[0], UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self)))
    }
    guard flag <= 1 else {
      throw GRPCStatus(.internal, "message with compressed flag \(flag)")
    }
    let prefix = Prefix(compressed: flag == 1, length: Int(length))
    guard prefix.length <= maxMessageLength else {
      throw GRPCStatus(.resourceExhausted, "message of \(length) bytes, limit \(maxMessageLength)")
    }
    return prefix
  }
}
