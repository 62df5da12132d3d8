// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import NIOCore

/// Watches the lengths of the messages in a stream's bytes as they pass ("gRPC over HTTP/2", Length-Prefixed-Message).
struct MessageLengthLimit {
  private let limit: Int
  /// Bytes of the message that has begun which are still to come.
  private var rest = 0
  /// Bytes of a prefix that has not come whole, read so far.
  private var prefixCount = 0
  private var length = 0

  init(_ limit: Int) { self.limit = limit }

  /// Takes note of the stream's next bytes; throws RESOURCE_EXHAUSTED for a message that is too long, as soon as its
  /// length is known.
  mutating func pass(_ bytes: ByteBuffer) throws(GRPCStatus) {
    var index = bytes.readerIndex
    while index < bytes.writerIndex {
      if rest > 0 {
        let passed = min(rest, bytes.writerIndex - index)
        rest -= passed
        index += passed
        continue
      }
      // The flag, then four bytes of length; one by one, for they may come apart.
      if prefixCount > 0 { length = length << 8 | Int(bytes.getInteger(at: index, as: UInt8.self)!) }
      index += 1
      prefixCount += 1
      guard prefixCount == ByteBuffer.grpcPrefixLength else { continue }
      guard length <= limit else {
        throw GRPCStatus(.resourceExhausted, "message of \(length) bytes, limit \(limit)")
      }
      (rest, length, prefixCount) = (length, 0, 0)
    }
  }
}
