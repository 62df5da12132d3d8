// SPDX-License-Identifier: Apache-2.0

/// Reads a stream of events that arrives in pieces cut anywhere, in a character or a line's end too.
///
/// Only the events' data is kept, since that is all that providers say. Spaces that it begins with are dropped, for it
/// is JSON. Source: WHATWG HTML §9.2, server-sent events.
struct ServerSentEvents: Sendable {
  /// The most that is held of an event that has not ended, in bytes.
  static let defaultLimit = 1 << 20

  /// An event was longer than the limit. Nothing is held any more, and nothing further read.
  private(set) var isOverLimit = false

  private let limit: Int
  private var line: [UInt8] = []
  /// The data lines of the event so far, joined; nil before the first.
  private var data: [UInt8]?
  private var endedInCarriageReturn = false
  private var isFirstLine = true

  init(upTo limit: Int = defaultLimit) { self.limit = limit }

  /// How much is held of an event that has not ended, in bytes.
  var heldBytes: Int { line.count + (data?.count ?? 0) }

  /// Takes a piece and returns the data of the events that it completes.
  mutating func receive(_ piece: some Sequence<UInt8>) -> [String] {
    var events: [String] = []
    for byte in piece where !isOverLimit {
      let isSecondOfLineEnd = endedInCarriageReturn && byte == Self.lineFeed
      endedInCarriageReturn = byte == Self.carriageReturn
      if isSecondOfLineEnd { continue }
      if byte == Self.lineFeed || byte == Self.carriageReturn {
        if let event = endLine() { events.append(event) }
      } else {
        line.append(byte)
        if heldBytes > limit { giveUp() }
      }
    }
    return events
  }

  /// The data of an event that the stream ended in, which some providers do not follow with an empty line.
  mutating func finish() -> String? {
    if let event = endLine() { return event }
    return endLine()
  }

  /// Takes the line; an empty one ends the event.
  private mutating func endLine() -> String? {
    defer {
      line.removeAll(keepingCapacity: true)
      isFirstLine = false
    }
    if isFirstLine, line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
    if line.isEmpty { return data.take().map { String(decoding: $0, as: UTF8.self) } }
    let name = line.prefix { $0 != UInt8(ascii: ":") }
    if name.elementsEqual("data".utf8) {
      if data != nil { data?.append(Self.lineFeed) } else { data = [] }
      data?.append(contentsOf: line.dropFirst(name.count + 1).drop { $0 == UInt8(ascii: " ") })
    }
    return nil
  }

  private mutating func giveUp() {
    isOverLimit = true
    (line, data) = ([], nil)
  }

  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
}
