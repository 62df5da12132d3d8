// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import NIOPosix

/// A load that cannot be made at all.
struct LoadError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }

  /// Why there is no connection, in a few words.
  static func reason(of error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      error.dnsAError.map { "\($0)" } ?? error.connectionErrors.first.map { reason(of: $0.error) } ?? "\(error)"
    case let error as IOError: String(cString: strerror(error.errnoCode))
    default: "\(error)"
    }
  }
}
