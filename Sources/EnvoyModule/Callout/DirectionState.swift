// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import NIOCore

/// One direction of an exchange: what arrived of it, and waits.
struct DirectionState {
  /// What is to be asked about: the body's bytes are in Envoy.
  var queue = PartQueue()
  /// Envoy waits for us to let the direction go on.
  var isHeld = false
  /// Nothing more will arrive.
  var hasEnded = false
  /// The body's last piece said that it is the last; trailers may end it instead.
  var hasEndedInBody = false
  /// The headers are all there is.
  var isWithoutBody = false
  /// How the body reaches the callout, or nil where it passes by itself.
  var delivery: BodyHandling.Delivery?
  /// The longest body, in bytes.
  var limit = Int.max
  /// Bytes of the body so far.
  var length = 0
  /// The body was over the limit, or all of it answered: the rest passes.
  var isPassing = false
  /// Envoy will not let it go on, and so has to be given the answer anew.
  var mustBeAnsweredAnew = false
  /// What was answered to pieces that Envoy has no more: it goes before all that Envoy has.
  var outgoing = ByteBuffer()
  /// The hook that handles the direction as a stream.
  var stream: MessageStream?
  /// The body that takes the place of the one that arrives.
  var replacement: ByteBuffer?

  mutating func begin(_ filter: CalloutFilter, _ direction: Direction, _ endOfStream: Bool) {
    hasEnded = endOfStream
    isWithoutBody = endOfStream
    if filter.handlesStream(direction) { delivery = .stream }
    guard !endOfStream, delivery == nil, filter.handles(MessagePart.body.phase(direction)) else { return }
    let handling = filter.configuration.body(of: direction)
    delivery = handling.delivery
    limit = handling.limit ?? .max
  }

  /// The headers have to wait for the rest: for a whole body that may change them, or until a replaced body has passed.
  // Inlined, or the whole state is copied first.
  @inline(__always)
  var awaitsRest: Bool { !hasEnded && !isPassing && (delivery == .whole || replacement != nil) }
}

/// What a hook is asked about, in the order in which it arrives.
enum MessagePart: UInt8 {
  case headers, body, trailers

  func phase(_ direction: Direction) -> Phase {
    switch (self, direction) {
    case (.headers, .request): .requestHeaders
    case (.headers, .response): .responseHeaders
    case (.body, .request): .requestBody
    case (.body, .response): .responseBody
    case (.trailers, .request): .requestTrailers
    case (.trailers, .response): .responseTrailers
    }
  }
}

/// Parts of a message that wait, each once, in their order.
struct PartQueue {
  private var bits: UInt8 = 0

  var isEmpty: Bool { bits == 0 }

  mutating func append(_ part: MessagePart) { bits |= 1 << part.rawValue }

  mutating func takeFirst() -> MessagePart? {
    guard !isEmpty, let part = MessagePart(rawValue: UInt8(bits.trailingZeroBitCount)) else { return nil }
    bits &= bits - 1
    return part
  }
}
