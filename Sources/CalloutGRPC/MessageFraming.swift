// SPDX-License-Identifier: Apache-2.0
package import NIOCore

extension ByteBuffer {
  /// The length of the prefix before each message: a compressed flag and a four-byte length.
  ///
  /// Source: "gRPC over HTTP/2", Length-Prefixed-Message.
  package static var grpcPrefixLength: Int { 5 }

  /// Writes one length-prefixed message, whose payload is what `body` appends to the buffer.
  ///
  /// The flag only says that the payload is compressed; `body` compresses it. When `body` throws, the buffer holds
  /// what it held before.
  package mutating func writeGRPCMessage<Failure: Error>(
    compressed: Bool = false, _ body: (inout ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let start = writerIndex
    reserveCapacity(minimumWritableBytes: Self.grpcPrefixLength)
    moveWriterIndex(forwardBy: Self.grpcPrefixLength)
    do {
      try body(&self)
    } catch {
      moveWriterIndex(to: start)
      throw error
    }
    let length = UInt32(writerIndex - start - Self.grpcPrefixLength)
    let offset = start - readerIndex
    withUnsafeMutableReadableBytes { bytes in
      bytes[offset] = compressed ? 1 : 0
      bytes.storeBytes(of: length.bigEndian, toByteOffset: offset + 1, as: UInt32.self)
    }
  }

  /// Writes what stands before a message of so many bytes.
  package mutating func writeGRPCPrefix(compressed: Bool = false, length: Int) {
    writeMultipleIntegers(UInt8(compressed ? 1 : 0), UInt32(length))
  }
}
