// SPDX-License-Identifier: Apache-2.0
import EnvoyModule
import Glibc
import HTTPTypes
import NIOCore

/// A file that is open, and is read in pieces short enough that Envoy's worker is not held up.
final class File: Sendable {
  static let pieceLength = 64 * 1_024

  let length: Int
  /// Changes with the file.
  let tag: String
  private let modified: Int
  private let descriptor: Int32

  /// Throws 404 where it is no file that can be read.
  init(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      if descriptor >= 0 { close(descriptor) }
      throw HTTPFailure(.notFound)
    }
    self.descriptor = descriptor
    length = Int(status.st_size)
    modified = status.st_mtim.tv_sec
    tag = "\"\(String(status.st_mtim.tv_sec, radix: 16))-\(String(status.st_mtim.tv_nsec, radix: 16))-\(length)\""
  }

  deinit { close(descriptor) }

  var fields: HTTPFields {
    [.eTag: tag, .acceptRanges: "bytes", .lastModified: Self.date(modified)]
  }

  /// Throws where the file has become shorter, so that the response breaks off.
  func read(_ range: Range<Int>) throws -> ByteBuffer {
    var piece = ByteBuffer()
    piece.reserveCapacity(range.count)
    while piece.readableBytes < range.count {
      let offset = range.lowerBound + piece.readableBytes
      let count = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: range.upperBound - offset) { bytes in
        max(0, pread(descriptor, bytes.baseAddress, range.upperBound - offset, offset))
      }
      guard count > 0 else { throw HTTPFailure(.internalServerError) }
    }
    return piece
  }

  /// A time as HTTP has it. Source: RFC 9110 §5.6.7.
  private static func date(_ seconds: Int) -> String {
    var time = seconds
    var parts = tm()
    gmtime_r(&time, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { twoDigits($0) }.joined(separator: ":")
    let day = "\(days[Int(parts.tm_wday)]), \(twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
    return "\(day) \(1_900 + parts.tm_year) \(clock) GMT"
  }

  private static func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// One range of bytes that a client asks for. Source: RFC 9110 §14.1.2.
struct ByteRange {
  private let first: Int?
  private let last: Int?

  /// Nil where it is no such range, or several, which may be ignored.
  init?(_ value: String) {
    let parts = value.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, parts[0] == "bytes" else { return nil }
    let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, ends.allSatisfy({ $0.allSatisfy(\.isNumber) }) else { return nil }
    first = Int(ends[0])
    last = Int(ends[1])
    guard first != nil || last != nil, first == nil || last == nil || first! <= last! else { return nil }
  }

  /// The bytes of a file that are meant, or nil where it has none of them.
  func within(_ length: Int) -> Range<Int>? {
    guard let first else {
      let count = min(last ?? 0, length)
      return count > 0 ? length - count..<length : nil
    }
    return first < length ? first..<min(last.map { $0 + 1 } ?? length, length) : nil
  }
}
