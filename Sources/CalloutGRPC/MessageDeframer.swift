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

  /// Bytes appended and not yet looked at.
  private var input = ByteBuffer()
  /// The start of a message whose rest has not come yet, prefix included.
  package private(set) var partial = ByteBuffer()

  package init(maxMessageLength: Int) {
    self.maxMessageLength = maxMessageLength
  }

  /// The bytes held, of whole messages not yet taken and of one still incomplete.
  package var bytesBuffered: Int { partial.readableBytes + input.readableBytes }

  /// Whether the stream, ending now, would end inside a message; asked after `next()` has returned nil.
  package var isMidMessage: Bool { bytesBuffered > 0 }

  /// Takes in the next bytes of the stream.
  ///
  /// Bytes appended before `next()` has returned nil are copied behind those still held.
  package mutating func append(_ bytes: consuming ByteBuffer) {
    if input.readableBytes == 0 {
      input = bytes
    } else {
      input.writeImmutableBuffer(bytes)
    }
  }

  /// The next whole message, or nil until more bytes come.
  ///
  /// Throws as soon as a prefix is known to be wrong, and the same again on every later call: RESOURCE_EXHAUSTED for
  /// a length over `maxMessageLength`, INTERNAL for a compressed flag other than 0 and 1.
  package mutating func next() throws(GRPCStatus) -> FramedMessage? {
    guard partial.readableBytes == 0 else { return try completePartial() }
    guard let prefix = try peekPrefix(of: input) else {
      holdBack(input.readableBytes)
      return nil
    }
    guard input.readableBytes >= prefix.messageEnd else {
      reservePartial(for: prefix, arriving: input.readableBytes)
      holdBack(input.readableBytes)
      return nil
    }
    var payload = ByteBuffer()
    if input.readableBytes == prefix.messageEnd {
      // The piece is this message and nothing else, as it nearly always is: pass it on as it is.
      swap(&payload, &input)
      payload.moveReaderIndex(forwardBy: ByteBuffer.grpcPrefixLength)
    } else {
      input.moveReaderIndex(forwardBy: ByteBuffer.grpcPrefixLength)
      payload = input.readSlice(length: prefix.length)!
    }
    return FramedMessage(compressed: prefix.compressed, payload: payload)
  }

  private mutating func completePartial() throws(GRPCStatus) -> FramedMessage? {
    holdBack(min(ByteBuffer.grpcPrefixLength - partial.readableBytes, input.readableBytes))
    guard let prefix = try peekPrefix(of: partial) else { return nil }
    let arriving = min(prefix.messageEnd - partial.readableBytes, input.readableBytes)
    reservePartial(for: prefix, arriving: arriving)
    holdBack(arriving)
    guard partial.readableBytes == prefix.messageEnd else { return nil }
    partial.moveReaderIndex(forwardBy: ByteBuffer.grpcPrefixLength)
    let message = FramedMessage(compressed: prefix.compressed, payload: partial)
    partial = ByteBuffer()
    return message
  }

  /// Moves bytes from the front of the input to the partial message, letting go of an input used up.
  private mutating func holdBack(_ count: Int) {
    guard count > 0 else { return }
    partial.writeImmutableBuffer(input.readSlice(length: count)!)
    if input.readableBytes == 0 { input = ByteBuffer() }
  }

  /// Makes room for the whole message up to a usual size, which costs no memory before bytes come; for a larger one only
  /// as they come, at most doubling, since the length is the peer's claim.
  private mutating func reservePartial(for prefix: Prefix, arriving: Int) {
    let needed = partial.readableBytes + arriving
    guard needed > partial.capacity || partial.capacity < Self.trustedReservation else { return }
    partial.reserveCapacity(min(prefix.messageEnd, max(needed, 2 * partial.capacity, Self.trustedReservation)))
  }

  /// Envoy buffers up to 1 MiB by default, and sends so much in a message, and a little around it.
  private static let trustedReservation = 1_024 * 1_024 + 64

  private struct Prefix {
    var compressed: Bool
    var length: Int
    var messageEnd: Int { ByteBuffer.grpcPrefixLength + length }
  }

  private func peekPrefix(of buffer: ByteBuffer) throws(GRPCStatus) -> Prefix? {
    guard buffer.readableBytes >= ByteBuffer.grpcPrefixLength else { return nil }
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
