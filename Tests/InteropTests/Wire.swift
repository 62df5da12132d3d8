// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Foundation
import NIOCore

/// How the two sides are joined.
enum Wire: CaseIterable, CustomStringConvertible {
  case plaintext, tls, unixSocket

  var description: String {
    switch self {
    case .plaintext: "plaintext"
    case .tls: "TLS"
    case .unixSocket: "a Unix-domain socket"
    }
  }

  /// An address to listen on; `directory` is for a socket's file.
  func address(in directory: URL) throws -> SocketAddress {
    switch self {
    case .plaintext, .tls: try SocketAddress(ipAddress: "127.0.0.1", port: 0)
    case .unixSocket: try SocketAddress(unixDomainSocketPath: directory.appendingPathComponent("s").path)
    }
  }
}

extension TLSIdentity {
  /// Writes certificate and key to files that other programs can be told of.
  func write(to directory: URL) throws -> (certificate: String, key: String) {
    let certificate = directory.appendingPathComponent("certificate.pem")
    let key = directory.appendingPathComponent("key.pem")
    try Data(certificateChain).write(to: certificate)
    try Data(privateKey).write(to: key)
    return (certificate.path, key.path)
  }
}
