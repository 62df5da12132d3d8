// SPDX-License-Identifier: Apache-2.0

/// Memory that a connection's frames are written into.
///
/// It is valid only during one pass of `HTTP2Session.writeOutput`: frames are many and small, and asking a ByteBuffer
/// for its memory once for each of them would cost more than the bytes do.
struct HTTP2Output {
  private var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var limit = 0

  private(set) var count = 0
  /// The room that what did not fit needs, or 0 where all of it did.
  private(set) var needed = 0

  init() {}

  /// - Parameter limit: bytes after which no further frame is begun.
  init(_ bytes: UnsafeMutableRawBufferPointer, limit: Int) {
    self.bytes = bytes
    self.limit = limit
  }

  var isFull: Bool { count >= limit }

  /// Makes room for so many bytes, or returns false and remembers how many they are.
  mutating func hasRoom(for length: Int) -> Bool {
    if bytes.count - count >= length { return true }
    needed = length
    return false
  }

  /// Appends bytes for which there is room.
  mutating func append(_ new: UnsafeRawBufferPointer) {
    UnsafeMutableRawBufferPointer(rebasing: bytes[count..<(count + new.count)]).copyMemory(from: new)
    count += new.count
  }
}
