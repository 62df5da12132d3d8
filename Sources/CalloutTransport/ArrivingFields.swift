// SPDX-License-Identifier: Apache-2.0

/// The header section that is arriving, field by field, in memory that the next one uses again.
///
/// HTTP/2 has at most one on a connection at a time (RFC 9113 §4.3).
struct ArrivingFields: ~Copyable {
  private let limit: Int
  private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: sizeKept, alignment: 1)
  private var length = 0
  private var count = 0
  /// A field did not fit, and was left out.
  private var isTooLarge = false
  /// The section before this one: most clients send the same one again and again.
  private var last = HeaderFields()

  /// - Parameter limit: the largest `HeaderFields.listSize`.
  init(limit: Int) { self.limit = limit }

  deinit { memory.deallocate() }

  /// Forgets a section that came to no end.
  mutating func removeAll() {
    length = 0
    count = 0
    isTooLarge = false
  }

  mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
    let size = HeaderFields.size(name, value)
    guard HeaderFields.listSize(length + size, count + 1) <= limit else { return isTooLarge = true }
    if memory.count - length < size { grow(by: size) }
    HeaderFields.write(name, value, to: memory.baseAddress! + length)
    length += size
    count += 1
  }

  /// The section as a value, or nil where it was too large.
  mutating func finish() -> HeaderFields? {
    defer { removeAll() }
    guard !isTooLarge else { return nil }
    let bytes = UnsafeRawBufferPointer(rebasing: memory[..<length])
    if !last.hasBytes(bytes) { last = HeaderFields(bytes, count: count) }
    return last
  }

  /// Gives back memory that large sections needed. The section before stays: the next may be the same.
  mutating func trimMemory() {
    if memory.count > Self.sizeKept { reallocate(max(length, Self.sizeKept)) }
  }

  private mutating func grow(by size: Int) { reallocate(max(2 * memory.count, length + size)) }

  private mutating func reallocate(_ size: Int) {
    let new = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
    new.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<length]))
    memory.deallocate()
    memory = new
  }

  /// Room for what most clients send.
  private static let sizeKept = 512
}
