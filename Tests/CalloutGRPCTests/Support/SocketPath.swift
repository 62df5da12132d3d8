// SPDX-License-Identifier: Apache-2.0
import NIOCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A path for a Unix-domain socket that nobody else has.
struct SocketPath: Sendable {
  let path = "/tmp/callouts-\(getpid())-\(UInt32.random(in: 0...(.max))).sock"

  var address: SocketAddress { get throws { try SocketAddress(unixDomainSocketPath: path) } }

  /// Runs `body` with a path, where nothing is left behind.
  static func with(_ body: (SocketPath) async throws -> Void) async throws {
    let path = SocketPath()
    defer { unlink(path.path) }
    try await body(path)
  }
}
