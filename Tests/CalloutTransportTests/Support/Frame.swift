// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// One HTTP/2 frame (RFC 9113 §4.1), to be written as anyone likes and to be read back from what a session sends.
struct Frame: Equatable, CustomStringConvertible {
  enum Kind: UInt8 {
    case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate, continuation
  }

  static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
  static let endStreamFlag: UInt8 = 0x1
  static let ackFlag: UInt8 = 0x1
  static let endHeadersFlag: UInt8 = 0x4
  static let paddedFlag: UInt8 = 0x8

  var type: UInt8
  var flags: UInt8 = 0
  var stream: Int32 = 0
  var payload: [UInt8] = []

  var kind: Kind? { Kind(rawValue: type) }
  var endsStream: Bool { flags & Self.endStreamFlag != 0 && (kind == .data || kind == .headers) }

  /// The error code of a RST_STREAM or GOAWAY frame.
  var errorCode: UInt32? {
    switch kind {
    case .reset: integer(at: 0)
    case .goAway: integer(at: 4)
    default: nil
    }
  }

  /// The last stream of a GOAWAY frame, or the increment of a WINDOW_UPDATE frame.
  var number: UInt32 { integer(at: 0) & 0x7FFF_FFFF }

  var description: String {
    let name = kind.map { "\($0)" } ?? "type \(type)"
    let code = errorCode.map { " code \($0)" } ?? ""
    return "\(name) stream \(stream) flags \(flags) \(payload.count) bytes\(code)"
  }

  private func integer(at offset: Int) -> UInt32 {
    payload.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension Frame {
  static func data(_ stream: Int32, _ payload: [UInt8], endStream: Bool = false) -> Frame {
    Frame(type: Kind.data.rawValue, flags: endStream ? endStreamFlag : 0, stream: stream, payload: payload)
  }

  static func headers(
    _ stream: Int32, _ block: [UInt8] = HPACK.request, endStream: Bool = false, endHeaders: Bool = true
  ) -> Frame {
    Frame(
      type: Kind.headers.rawValue, flags: (endStream ? endStreamFlag : 0) | (endHeaders ? endHeadersFlag : 0),
      stream: stream, payload: block)
  }

  static func continuation(_ stream: Int32, _ block: [UInt8], endHeaders: Bool = false) -> Frame {
    Frame(
      type: Kind.continuation.rawValue, flags: endHeaders ? endHeadersFlag : 0, stream: stream, payload: block)
  }

  static func priority(_ stream: Int32, dependsOn other: UInt32) -> Frame {
    Frame(type: Kind.priority.rawValue, stream: stream, payload: bytes(other) + [16])
  }

  static func reset(_ stream: Int32, _ code: UInt32) -> Frame {
    Frame(type: Kind.reset.rawValue, stream: stream, payload: bytes(code))
  }

  static func settings(_ entries: (UInt16, UInt32)...) -> Frame {
    Frame(
      type: Kind.settings.rawValue,
      payload: entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xFF)] + bytes($0.1) })
  }

  static let settingsAck = Frame(type: Kind.settings.rawValue, flags: ackFlag)

  static func ping(_ payload: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8], ack: Bool = false) -> Frame {
    Frame(type: Kind.ping.rawValue, flags: ack ? ackFlag : 0, payload: payload)
  }

  static func goAway(lastStream: UInt32, code: UInt32) -> Frame {
    Frame(type: Kind.goAway.rawValue, payload: bytes(lastStream) + bytes(code))
  }

  static func windowUpdate(_ stream: Int32, by increment: UInt32) -> Frame {
    Frame(type: Kind.windowUpdate.rawValue, stream: stream, payload: bytes(increment))
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }
}

extension ByteBuffer {
  init(frames: [Frame]) {
    self.init()
    for frame in frames { write(frame) }
  }

  mutating func write(_ frame: Frame) {
    writeInteger(UInt8(frame.payload.count >> 16))
    writeInteger(UInt16(frame.payload.count & 0xFFFF))
    writeMultipleIntegers(frame.type, frame.flags, frame.stream)
    writeBytes(frame.payload)
  }

  /// The frames in the buffer; what is no whole frame at its end is left out.
  var frames: [Frame] {
    var rest = self
    var frames: [Frame] = []
    while let high = rest.readInteger(as: UInt8.self), let low = rest.readInteger(as: UInt16.self),
      let (type, flags, stream) = rest.readMultipleIntegers(as: (UInt8, UInt8, Int32).self),
      let payload = rest.readBytes(length: Int(high) << 16 | Int(low))
    {
      frames.append(Frame(type: type, flags: flags, stream: stream & .max, payload: payload))
    }
    return frames
  }
}

/// Header blocks in HPACK's plainest form: literals without indexing and without Huffman coding (RFC 7541 §6.2.2).
enum HPACK {
  static let request = block([(":method", "POST"), (":scheme", "http"), (":path", "/a/b"), (":authority", "test")])

  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + string($0.0) + string($0.1) }
  }

  private static func string(_ text: String) -> [UInt8] {
    var length = text.utf8.count
    guard length >= 127 else { return [UInt8(length)] + Array(text.utf8) }
    var prefix: [UInt8] = [127]
    length -= 127
    while length >= 128 {
      prefix.append(UInt8(length & 127 | 128))
      length >>= 7
    }
    return prefix + [UInt8(length)] + Array(text.utf8)
  }
}
