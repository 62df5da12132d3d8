// SPDX-License-Identifier: Apache-2.0
import EnvoyModule
import Glibc
import HTTPTypes
import NIOCore

/// A file that is open, and is read in pieces short enough that Envoy's worker is not held up.
final class File: Sendable {
  static let pieceLength = 64 * 1_024

  let length: Int
  let version: Version
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
    let (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    version = Version(
      tag: "\"\(String(seconds, radix: 16))-\(String(nanoseconds, radix: 16))-\(length)\"",
      modified: HTTPDate(seconds: seconds))
  }

  deinit { close(descriptor) }

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
}
