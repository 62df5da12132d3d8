// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import NIOCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A TLS connection without I/O: ciphertext in, plaintext out, and the other way round.
///
/// OpenSSL reads from and writes to memory. Confined to one event loop.
package final class TLSSession {
  package enum Role: Sendable {
    case server
    /// A client that expects `serverName` in the server's certificate, be it a DNS name or an IP address; or instead,
    /// where there are any, one of `subjectAltNames`, DNS names and URIs to be found exactly.
    case client(serverName: String, subjectAltNames: [String] = [])
  }

  /// The handshake is done; only then can `write` be called.
  package private(set) var isEstablished = false

  private let ssl: OpaquePointer
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer
  // Keeps what the ALPN callback points at alive when the listener's context was replaced meanwhile.
  private let context: TLSContext
  private var expectedNames: [String] = []
  /// The server's name is none that a certificate could be for.
  private var expectsNothing = false

  package init(_ context: TLSContext, role: Role) {
    self.context = context
    guard let ssl = SSL_new(context.pointer), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
    else { preconditionFailure("OpenSSL is out of memory") }
    (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
    SSL_set_bio(ssl, incoming, outgoing)
    switch role {
    case .server: SSL_set_accept_state(ssl)
    case .client(let serverName, let subjectAltNames):
      SSL_set_connect_state(ssl)
      expectedNames = subjectAltNames
      expect(serverName, inCertificate: subjectAltNames.isEmpty)
    }
  }

  private func expect(_ serverName: String, inCertificate isVerified: Bool) {
    let isAddress = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) {
      inet_pton(AF_INET, serverName, $0.baseAddress!) == 1 || inet_pton(AF_INET6, serverName, $0.baseAddress!) == 1
    }
    if !isAddress { _ = callout_ssl_set_server_name(ssl, serverName) }
    guard isVerified else { return }
    let parameters = SSL_get0_param(ssl)
    let isExpected =
      isAddress
      ? X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) == 1
      : X509_VERIFY_PARAM_set1_host(parameters, serverName, 0) == 1
    // An empty name would leave the certificate's unlooked at.
    if !isExpected || serverName.isEmpty { expectsNothing = true }
  }

  // SSL_free frees the two BIOs, which SSL_set_bio gave it.
  deinit { SSL_free(ssl) }

  /// The application protocol that both sides chose (RFC 7301), or nil.
  package var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &length)
    return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(length)), as: UTF8.self) }
  }

  /// The DNS names and the URIs that the peer's certificate is for (RFC 5280 §4.2.1.6); none where it has shown none.
  package var peerNames: [String] {
    guard let certificate = SSL_get0_peer_certificate(ssl) else { return [] }
    var names: [String] = []
    withUnsafeMutablePointer(to: &names) { names in
      callout_for_each_name(
        certificate,
        { bytes, length, names in
          let name = String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self)
          names?.assumingMemoryBound(to: [String].self).pointee.append(name)
        }, names)
    }
    return names
  }

  /// Takes ciphertext from the peer.
  package func receive(_ ciphertext: ByteBuffer) {
    ciphertext.withUnsafeReadableBytes { _ = BIO_write(incoming, $0.baseAddress, Int32($0.count)) }
  }

  /// Goes on with the handshake as far as it can with what was received.
  package func handshake() throws(TLSError) {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    if result == 1 { try checkNames() }
    isEstablished = result == 1
    guard result != 1, SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ else { return }
    let verification = SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ? Int(X509_V_OK) : SSL_get_verify_result(ssl)
    if verification != X509_V_OK, let reason = X509_verify_cert_error_string(verification) {
      ERR_clear_error()
      throw TLSError(.handshakeFailed, "TLS handshake: the certificate is not trusted: \(String(cString: reason))")
    }
    throw .openSSL(.handshakeFailed, "TLS handshake")
  }

  private func checkNames() throws(TLSError) {
    guard !expectsNothing || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE else {
      throw TLSError(.handshakeFailed, "TLS handshake: there is no server name that the certificate could be for")
    }
    guard !expectedNames.isEmpty, !peerNames.contains(where: expectedNames.contains) else { return }
    let names = peerNames.isEmpty ? "no name" : peerNames.joined(separator: ", ")
    throw TLSError(
      .handshakeFailed, "TLS handshake: the certificate is for \(names), and for none of those expected")
  }

  /// Appends to `plaintext` all that can be decrypted; returns false when the peer has ended its side.
  package func read(into plaintext: inout ByteBuffer) throws(TLSError) -> Bool {
    ERR_clear_error()
    while true {
      var result: Int32 = 0
      plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.recordSize) { bytes in
        result = SSL_read(ssl, bytes.baseAddress, Int32(bytes.count))
        return Int(max(0, result))
      }
      if result > 0 { continue }
      switch SSL_get_error(ssl, result) {
      case SSL_ERROR_WANT_READ: return true
      case SSL_ERROR_ZERO_RETURN: return false
      default: throw .openSSL(.connectionFailed, "TLS connection")
      }
    }
  }

  /// Encrypts; the ciphertext is then to be had from `takeCiphertext`.
  package func write(_ plaintext: ByteBuffer) throws(TLSError) {
    ERR_clear_error()
    var rest = plaintext
    while rest.readableBytes > 0 {
      let written = rest.withUnsafeReadableBytes { SSL_write(ssl, $0.baseAddress, Int32($0.count)) }
      guard written > 0 else { throw .openSSL(.connectionFailed, "TLS connection") }
      rest.moveReaderIndex(forwardBy: Int(written))
    }
  }

  /// Tells the peer that we send nothing more (close_notify).
  package func close() {
    if isEstablished { SSL_shutdown(ssl) }
    ERR_clear_error()
  }

  /// Moves what is to be sent to the end of `bytes`.
  package func takeCiphertext(into bytes: inout ByteBuffer) {
    var pending: UnsafeMutablePointer<CChar>?
    let length = callout_bio_memory(outgoing, &pending)
    guard length > 0 else { return }
    bytes.writeBytes(UnsafeRawBufferPointer(start: pending, count: length))
    _ = BIO_ctrl(outgoing, BIO_CTRL_RESET, 0, nil)
  }

  /// Plaintext of one full TLS record (RFC 8446 §5.1).
  private static let recordSize = 16_384
}
