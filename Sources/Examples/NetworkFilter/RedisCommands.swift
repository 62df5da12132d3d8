// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The commands that a client of Redis sends, read as their bytes come, in whatever pieces.
///
/// A command is an array of strings with their lengths, or a line of words. What is known to pass is passed at once;
/// only a line that is not complete, and a command's name, are held back. Source: redis.io, "Redis serialization
/// protocol specification".
struct RedisCommands {
  private var held = ByteBuffer()
  private var next = Next.command

  private enum Next {
    case command
    /// The length of the first of so many strings.
    case length(of: Int, isName: Bool)
    /// A name, of so many bytes, and so many strings after it.
    case name(bytes: Int, strings: Int)
    /// So many bytes of a string, and so many strings after it.
    case string(bytes: Int, strings: Int)
  }

  /// Takes the next bytes and returns those that pass on.
  ///
  /// `rename` is asked about each command's name, and may give another. Throws where this is not the protocol of Redis.
  mutating func read(_ bytes: ByteBuffer, rename: (String) -> String?) throws(NotRedis) -> ByteBuffer {
    held.writeImmutableBuffer(bytes)
    var passing = ByteBuffer()
    while try step(&passing, rename) {}
    held.discardReadBytes()
    return passing
  }

  /// Reads one part; false where it has not arrived whole.
  private mutating func step(_ passing: inout ByteBuffer, _ rename: (String) -> String?) throws(NotRedis) -> Bool {
    switch next {
    case .command:
      guard let line = try readLine() else { return false }
      if line.first == UInt8(ascii: "*") {
        passing.writeBytes(line)
        next = try count(line) > 0 ? .length(of: count(line), isName: true) : .command
      } else {
        passing.writeBytes(try renamingFirstWord(of: line, rename))
      }
    case .length(let strings, let isName):
      guard let line = try readLine() else { return false }
      guard line.first == UInt8(ascii: "$") else { throw NotRedis("a string's length does not begin with $") }
      if isName {
        next = .name(bytes: try count(line), strings: strings - 1)
      } else {
        passing.writeBytes(line)
        next = .string(bytes: try count(line) + Self.lineEnd.utf8.count, strings: strings - 1)
      }
    case .name(let bytes, let strings):
      guard bytes <= Self.maxLine else { throw NotRedis("a command's name is \(bytes) bytes long") }
      guard held.readableBytes >= bytes + Self.lineEnd.utf8.count, let name = held.readBytes(length: bytes) else {
        return false
      }
      let passed = rename(String(decoding: name, as: UTF8.self)).map { Array($0.utf8) } ?? name
      passing.writeString("$\(passed.count)\(Self.lineEnd)")
      passing.writeBytes(passed)
      next = .string(bytes: Self.lineEnd.utf8.count, strings: strings)
    case .string(let bytes, let strings):
      guard held.readableBytes > 0, var part = held.readSlice(length: min(bytes, held.readableBytes)) else {
        return false
      }
      let left = bytes - part.readableBytes
      passing.writeBuffer(&part)
      next =
        left > 0 ? .string(bytes: left, strings: strings) : strings > 0 ? .length(of: strings, isName: false) : .command
    }
    return true
  }

  /// A whole line with its end, or nil while that has not arrived.
  private mutating func readLine() throws(NotRedis) -> [UInt8]? {
    let end = held.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
    let length = end.map { $0 - held.readerIndex + 1 } ?? held.readableBytes
    guard length <= Self.maxLine else { throw NotRedis("a line is longer than \(Self.maxLine) bytes") }
    return end == nil ? nil : held.readBytes(length: length)
  }

  /// The number behind a line's first byte. As strict as Redis, or one could say to the other what they read apart.
  private func count(_ line: [UInt8]) throws(NotRedis) -> Int {
    guard line.suffix(2).elementsEqual(Self.lineEnd.utf8), line.count > 3,
      let count = Int(String(decoding: line[1..<(line.count - 2)], as: UTF8.self)),
      (0...Self.maxString).contains(count), line[1] != UInt8(ascii: "+")
    else { throw NotRedis("a length is no number, or too large") }
    return count
  }

  /// A command that is a line of words.
  private func renamingFirstWord(of line: [UInt8], _ rename: (String) -> String?) throws(NotRedis) -> [UInt8] {
    let words = line.drop(while: isSpace)
    let name = words.prefix { !isSpace($0) }
    // Redis takes quotes and escapes off, which no client needs for a command's name.
    guard !name.contains(UInt8(ascii: "\"")), !name.contains(UInt8(ascii: "'")) else {
      throw NotRedis("a command's name is quoted")
    }
    guard let other = rename(String(decoding: name, as: UTF8.self)) else { return line }
    return Array(other.utf8) + words[name.endIndex...]
  }

  private func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

  private static let lineEnd = "\r\n"
  /// As long as Redis takes a line.
  private static let maxLine = 64 * 1_024
  /// As long as Redis takes a string.
  private static let maxString = 512 * 1_024 * 1_024

  /// The bytes are not what a client of Redis sends.
  struct NotRedis: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = "not the protocol of Redis: \(description)" }
  }
}
