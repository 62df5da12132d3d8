// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Bytes that wait to be sent, in the buffers that they came in.
struct OutboundQueue {
  private var buffers: [ByteBuffer] = []
  /// The last buffer is ours alone, so that more can be written behind it.
  private var ownsLast = false
  private(set) var byteCount = 0

  var isEmpty: Bool { byteCount == 0 }

  /// Appends a buffer as it is.
  mutating func append(_ buffer: ByteBuffer) {
    guard buffer.readableBytes > 0 else { return }
    buffers.append(buffer)
    ownsLast = false
    byteCount += buffer.readableBytes
  }

  /// Appends what `body` writes.
  mutating func write(_ body: (inout ByteBuffer) throws -> Void) rethrows {
    if !ownsLast { buffers.append(ByteBuffer()) }
    ownsLast = true
    let last = buffers.count - 1
    let before = buffers[last].readableBytes
    defer { byteCount += buffers[last].readableBytes - before }
    try body(&buffers[last])
  }

  /// Moves the first `length` bytes, of those that there are, to `output`.
  mutating func move(_ length: Int, to output: inout HTTP2Output) {
    byteCount -= length
    var left = length
    var sent = 0
    while left > 0 {
      let part = min(left, buffers[sent].readableBytes)
      buffers[sent].withUnsafeReadableBytes { output.append(UnsafeRawBufferPointer(rebasing: $0.prefix(part))) }
      buffers[sent].moveReaderIndex(forwardBy: part)
      left -= part
      if buffers[sent].readableBytes == 0 { sent += 1 }
    }
    buffers.removeFirst(sent)
    if buffers.isEmpty { ownsLast = false }
  }
}
