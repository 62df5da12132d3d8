// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// What the TLS sessions of a listener or of a client share: keys, trust and protocols.
package final class TLSContext: @unchecked Sendable {
  // Unchecked: the SSL_CTX is configured in the initialiser, and OpenSSL locks what sessions share of it.
  let pointer: OpaquePointer
  private let protocols: ALPNProtocols

  /// A server's context, TLS 1.2 or later.
  ///
  /// `protocols` is in order of preference (RFC 7301). A client that offers only others is refused; one that
  /// offers none is taken as it is.
  ///
  /// - Parameter clientTrustRoots: the certificates (PEM) of which a client must have one that issued its own, or nil
  ///   where clients need none.
  package init(
    serverIdentity identity: TLSIdentity, protocols: [String], clientTrustRoots: [UInt8]? = nil
  ) throws(TLSError) {
    self.protocols = ALPNProtocols(protocols)
    pointer = try Self.make(TLS_server_method())
    SSL_CTX_set_alpn_select_cb(
      pointer, ALPNProtocols.select, Unmanaged.passUnretained(self.protocols).toOpaque())
    try use(identity)
    guard let clientTrustRoots else { return }
    try trust(clientTrustRoots)
    SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    // OpenSSL resumes a session with a client's certificate only in the context that it knows it from.
    let context = Array("swift-callouts".utf8)
    SSL_CTX_set_session_id_context(pointer, context, UInt32(context.count))
  }

  /// A client's context that trusts the certificates in `trustRoots` (PEM), or the system's where it is nil.
  ///
  /// - Parameters:
  ///   - identity: the client's own certificate, for servers that ask for one.
  ///   - verifiesServer: false takes any certificate, which only a test may do.
  package init(
    trustRoots: [UInt8]?, protocols: [String], identity: TLSIdentity? = nil, verifiesServer: Bool = true
  ) throws(TLSError) {
    self.protocols = ALPNProtocols(protocols)
    pointer = try Self.make(TLS_client_method())
    SSL_CTX_set_alpn_protos(pointer, self.protocols.wire, UInt32(self.protocols.wire.count))
    SSL_CTX_set_verify(pointer, verifiesServer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    if let identity { try use(identity) }
    guard let trustRoots else {
      SSL_CTX_set_default_verify_paths(pointer)
      return
    }
    try trust(trustRoots)
  }

  private func trust(_ trustRoots: [UInt8]) throws(TLSError) {
    let certificates = PEMReader(trustRoots).certificates()
    defer { certificates.forEach(X509_free) }
    guard !certificates.isEmpty else { throw .openSSL(.trustRootsUnusable, "no PEM certificate in the trust roots") }
    let store = SSL_CTX_get_cert_store(pointer)
    for certificate in certificates { X509_STORE_add_cert(store, certificate) }
  }

  deinit { SSL_CTX_free(pointer) }

  private static func make(_ method: OpaquePointer?) throws(TLSError) -> OpaquePointer {
    guard let context = SSL_CTX_new(method) else { throw .openSSL(.connectionFailed, "cannot make a TLS context") }
    _ = callout_ssl_ctx_set_min_tls12(context)
    callout_ssl_ctx_set_modes(context)
    callout_ssl_ctx_set_options(context)
    return context
  }

  private func use(_ identity: TLSIdentity) throws(TLSError) {
    let certificates = PEMReader(identity.certificateChain).certificates()
    guard let leaf = certificates.first else { throw .openSSL(.certificateUnusable, "no PEM certificate") }
    defer { X509_free(leaf) }
    // add0 takes over what it is given.
    for issuer in certificates.dropFirst() { _ = callout_ssl_ctx_add_chain_certificate(pointer, issuer) }
    guard SSL_CTX_use_certificate(pointer, leaf) == 1 else {
      throw .openSSL(.certificateUnusable, "the certificate cannot be used")
    }
    guard let key = PEMReader(identity.privateKey).privateKey() else {
      throw .openSSL(.privateKeyUnusable, "no unencrypted PEM private key")
    }
    defer { EVP_PKEY_free(key) }
    guard X509_check_private_key(leaf, key) == 1, SSL_CTX_use_PrivateKey(pointer, key) == 1 else {
      throw .openSSL(.privateKeyMismatch, "the private key does not belong to the certificate")
    }
  }
}

/// Application protocols in the form that TLS sends them.
private final class ALPNProtocols: Sendable {
  let wire: [UInt8]

  init(_ names: [String]) {
    wire = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
  }

  /// Takes the first of ours that the client offers too.
  static let select:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
      UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, out, outLength, offered, offeredLength, user in
      let protocols = Unmanaged<ALPNProtocols>.fromOpaque(user!).takeUnretainedValue()
      var selected: UnsafeMutablePointer<UInt8>?
      let result = protocols.wire.withUnsafeBufferPointer {
        SSL_select_next_proto(&selected, outLength, $0.baseAddress, UInt32($0.count), offered, offeredLength)
      }
      guard result == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
      out!.pointee = UnsafePointer(selected)
      return SSL_TLSEXT_ERR_OK
    }
}
