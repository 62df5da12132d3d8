// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A certificate chain and its private key, both PEM.
package struct TLSIdentity: Sendable, Hashable {
  package var certificateChain: [UInt8]
  package var privateKey: [UInt8]

  package init(certificateChain: [UInt8], privateKey: [UInt8]) {
    self.certificateChain = certificateChain
    self.privateKey = privateKey
  }
}

extension TLSIdentity {
  /// Makes a self-signed identity for localhost that exists only in memory.
  ///
  /// An ECDSA P-256 key and a certificate valid for `days` from an hour ago. Who connects cannot verify it, except by
  /// its fingerprint.
  ///
  /// - Parameters:
  ///   - subject: its common name. Two authorities of one name cannot be told apart.
  ///   - names: whom it is for, as OpenSSL writes a `subjectAltName`.
  package static func selfSigned(
    days: Int = 365, subject: String = "localhost", names: String = "DNS:localhost,IP:127.0.0.1,IP:::1"
  ) throws(TLSError) -> TLSIdentity {
    guard let key = callout_generate_p256(), let certificate = X509_new() else {
      throw .openSSL(.certificateUnusable, "cannot make a self-signed certificate")
    }
    defer {
      EVP_PKEY_free(key)
      X509_free(certificate)
    }
    X509_set_version(certificate, 2)
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), .random(in: 1...UInt64(Int64.max)))
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3_600)
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86_400)
    X509_set_pubkey(certificate, key)
    let name = X509_get_subject_name(certificate)
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, subject, -1, -1, 0)
    X509_set_issuer_name(certificate, name)
    add(NID_basic_constraints, "critical,CA:TRUE", to: certificate)
    add(NID_subject_alt_name, names, to: certificate)
    guard X509_sign(certificate, key, EVP_sha256()) > 0 else {
      throw .openSSL(.certificateUnusable, "cannot sign the self-signed certificate")
    }
    return TLSIdentity(
      certificateChain: pem { PEM_write_bio_X509($0, certificate) },
      privateKey: pem { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) })
  }

  /// The SHA-256 fingerprint of the first certificate, as `openssl x509 -fingerprint` prints it, or nil if it
  /// cannot be read.
  package var fingerprint: String? {
    guard let certificate = PEMReader(certificateChain).certificates().first else { return nil }
    defer { X509_free(certificate) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else { return nil }
    let digits = Array("0123456789ABCDEF")
    return digest.prefix(Int(length)).map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }
      .joined(separator: ":")
  }

  private static func add(_ extensionID: Int32, _ value: String, to certificate: OpaquePointer) {
    guard let item = X509V3_EXT_conf_nid(nil, nil, extensionID, value) else { return }
    X509_add_ext(certificate, item, -1)
    X509_EXTENSION_free(item)
  }

  private static func pem(_ write: (OpaquePointer) -> Int32) -> [UInt8] {
    guard let memory = BIO_new(BIO_s_mem()) else { return [] }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { return [] }
    var bytes: UnsafeMutablePointer<CChar>?
    let length = callout_bio_memory(memory, &bytes)
    return Array(UnsafeRawBufferPointer(start: bytes, count: length))
  }
}

/// Reads what OpenSSL understands out of PEM text.
struct PEMReader {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Every certificate of the text, in order; the caller frees them.
  func certificates() -> [OpaquePointer] {
    withBIO { bio in
      var certificates: [OpaquePointer] = []
      while let certificate = PEM_read_bio_X509(bio, nil, callout_no_password, nil) {
        certificates.append(certificate)
      }
      // Reading on to the end of the text is how the last one is known; it is not an error.
      if !certificates.isEmpty { ERR_clear_error() }
      return certificates
    }
  }

  /// The first private key of the text, or nil; the caller frees it.
  func privateKey() -> OpaquePointer? {
    withBIO { PEM_read_bio_PrivateKey($0, nil, callout_no_password, nil) }
  }

  private func withBIO<Result>(_ body: (OpaquePointer?) -> Result) -> Result {
    bytes.withUnsafeBytes { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
      defer { BIO_free(bio) }
      return body(bio)
    }
  }
}
