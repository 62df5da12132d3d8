// SPDX-License-Identifier: Apache-2.0
internal import CZlib
package import NIOCore

/// The gzip format of RFC 1952, by zlib.
package enum Gzip {
  /// Compresses all readable bytes into one gzip member.
  ///
  /// Throws INTERNAL when zlib fails, as it does without memory.
  package static func compress(_ input: ByteBuffer) throws(GRPCStatus) -> ByteBuffer {
    var output = ByteBuffer()
    if let failure = withStream(reading: input, { deflateAll($0, into: &output) }) { throw failure }
    return output
  }

  /// Decompresses all readable bytes: one gzip member, or several one after another.
  ///
  /// Throws RESOURCE_EXHAUSTED as soon as the result is longer than `maxLength` bytes (above 2 GiB it counts as that),
  /// with the buffer at most about twice that size, and INTERNAL when the bytes are not gzip, are cut short, or are
  /// followed by anything else.
  package static func decompress(_ input: ByteBuffer, maxLength: Int) throws(GRPCStatus) -> ByteBuffer {
    var output = ByteBuffer()
    let maxLength = min(maxLength, Int(Int32.max))
    if let failure = withStream(reading: input, { inflateAll($0, into: &output, maxLength: maxLength) }) {
      throw failure
    }
    return output
  }

  private typealias Stream = UnsafeMutablePointer<z_stream>

  /// zlib's largest window, with the 16 added that selects the gzip format.
  private static let gzipWindowBits = MAX_WBITS + 16
  private static let defaultMemoryLevel: Int32 = 8
  private static let streamSize = Int32(MemoryLayout<z_stream>.size)

  private static func deflateAll(_ stream: Stream, into output: inout ByteBuffer) -> GRPCStatus? {
    let started = deflateInit2_(
      stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzipWindowBits, defaultMemoryLevel, Z_DEFAULT_STRATEGY,
      ZLIB_VERSION, streamSize)
    guard started == Z_OK else { return GRPCStatus(.internal, "gzip: zlib does not start, error \(started)") }
    defer { deflateEnd(stream) }

    output.reserveCapacity(Int(deflateBound(stream, uLong(stream.pointee.avail_in))))
    let result = step(stream, into: &output) { deflate($0, Z_FINISH) }
    return result == Z_STREAM_END ? nil : GRPCStatus(.internal, "gzip: zlib does not compress, error \(result)")
  }

  private static func inflateAll(_ stream: Stream, into output: inout ByteBuffer, maxLength: Int) -> GRPCStatus? {
    let started = inflateInit2_(stream, gzipWindowBits, ZLIB_VERSION, streamSize)
    guard started == Z_OK else { return GRPCStatus(.internal, "gzip: zlib does not start, error \(started)") }
    defer { inflateEnd(stream) }

    output.reserveCapacity(min(maxLength, 4 * Int(stream.pointee.avail_in), 64 * 1024))
    while true {
      let result = step(stream, into: &output) { inflate($0, Z_NO_FLUSH) }
      guard output.readableBytes <= maxLength else {
        return GRPCStatus(.resourceExhausted, "message decompresses to over \(maxLength) bytes")
      }
      switch result {
      case Z_OK: continue
      case Z_STREAM_END where stream.pointee.avail_in == 0: return nil
      case Z_STREAM_END: inflateReset(stream)
      case Z_BUF_ERROR: return GRPCStatus(.internal, "gzip: compressed message cut short")
      default: return GRPCStatus(.internal, "gzip: compressed message broken, zlib error \(result)")
      }
    }
  }

  /// Runs the body with a stream, not yet initialized, whose input is the buffer.
  ///
  /// zlib keeps the stream's address, so that it is a pointer throughout.
  private static func withStream(reading input: ByteBuffer, _ body: (Stream) -> GRPCStatus?) -> GRPCStatus? {
    input.withUnsafeReadableBytes { bytes in
      var stream = z_stream()
      stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: Bytef.self).baseAddress)
      stream.avail_in = uInt(bytes.count)
      return withUnsafeMutablePointer(to: &stream, body)
    }
  }

  /// Lets zlib write to the space the buffer has left, which grows when there is none; the answer is zlib's.
  private static func step(_ stream: Stream, into output: inout ByteBuffer, _ function: (Stream) -> Int32) -> Int32 {
    var result = Z_OK
    output.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { space in
      stream.pointee.next_out = space.bindMemory(to: Bytef.self).baseAddress
      stream.pointee.avail_out = uInt(space.count)
      result = function(stream)
      return space.count - Int(stream.pointee.avail_out)
    }
    return result
  }
}
