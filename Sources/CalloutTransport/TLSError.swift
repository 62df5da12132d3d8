// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// An error of a TLS configuration or of a TLS connection.
package struct TLSError: Error, Sendable, CustomStringConvertible {
  package enum Code: Sendable {
    case certificateUnusable, privateKeyUnusable, privateKeyMismatch, trustRootsUnusable, handshakeFailed,
      connectionFailed
  }

  package var code: Code
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// An error with OpenSSL's reason for the last failure on this thread, whose error queue it empties.
  static func openSSL(_ code: Code, _ message: String) -> TLSError {
    let last = ERR_peek_last_error()
    ERR_clear_error()
    guard last != 0, let reason = ERR_reason_error_string(last) else { return TLSError(code, message) }
    return TLSError(code, "\(message): \(String(cString: reason))")
  }
}
