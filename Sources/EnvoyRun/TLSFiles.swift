// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Foundation

/// Files of a certificate chain and its key, PEM.
struct TLSFiles {
  let certificate: String
  let privateKey: String

  /// Those of a certificate for localhost that is made for it.
  static func selfSigned(in folder: URL) throws -> TLSFiles {
    let identity = try TLSIdentity.selfSigned()
    let (certificate, key) = (folder.appending(path: "cert.pem"), folder.appending(path: "key.pem"))
    try Data(identity.certificateChain).write(to: certificate)
    try Data(identity.privateKey).write(to: key)
    return TLSFiles(certificate: certificate.path, privateKey: key.path)
  }
}
