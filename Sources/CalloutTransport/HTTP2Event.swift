// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Something that happened on a connection.
///
/// What every message makes does not count references to its stream: the session has the stream until it closes, and
/// `closed`, which comes last, has it from then on. A stream whose `headers` nobody was told of has no events.
package enum HTTP2Event: ~Copyable {
  case headers(Unmanaged<HTTP2Stream>, HeaderFields)
  case data(Unmanaged<HTTP2Stream>, ByteBuffer)
  case end(Unmanaged<HTTP2Stream>)
  case drained(Unmanaged<HTTP2Stream>)
  case closed(HTTP2Stream, HTTP2ErrorCode)
  case goAway(HTTP2ErrorCode, lastStream: Int32)
  case pingAcknowledged
  /// We end the connection with this code.
  case terminated(HTTP2ErrorCode)
}

/// Events in the order in which they happened.
///
/// A ring whose events are moved in and out: every message makes some, and what they hold need not be counted anew.
struct HTTP2EventQueue: ~Copyable {
  private var ring = UnsafeMutableBufferPointer<HTTP2Event>.allocate(capacity: capacityKept)
  private var first = 0
  private var count = 0

  deinit {
    for offset in 0..<count { (ring.baseAddress! + index(offset)).deinitialize(count: 1) }
    ring.deallocate()
  }

  mutating func append(_ event: consuming HTTP2Event) {
    if count == ring.count { reallocate(capacity: 2 * count) }
    (ring.baseAddress! + index(count)).initialize(to: event)
    count += 1
  }

  mutating func popFirst() -> HTTP2Event? {
    guard count > 0 else { return nil }
    defer {
      first = index(1)
      count -= 1
    }
    return (ring.baseAddress! + first).move()
  }

  /// Gives back the memory that a burst needed.
  mutating func shrink() {
    if count == 0, ring.count > Self.capacityKept { reallocate(capacity: Self.capacityKept) }
  }

  private func index(_ offset: Int) -> Int { (first + offset) & (ring.count - 1) }

  private mutating func reallocate(capacity: Int) {
    let new = UnsafeMutableBufferPointer<HTTP2Event>.allocate(capacity: capacity)
    for offset in 0..<count {
      (new.baseAddress! + offset).moveInitialize(from: ring.baseAddress! + index(offset), count: 1)
    }
    ring.deallocate()
    ring = new
    first = 0
  }

  /// Room that an idle connection keeps, a power of two.
  private static let capacityKept = 16
}
