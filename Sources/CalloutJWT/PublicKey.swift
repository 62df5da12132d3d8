// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A public key as OpenSSL has it, made from PEM or from the numbers of a JWK.
struct PublicKey: ~Copyable {
  private let key: OpaquePointer

  private init(_ key: OpaquePointer?, orThrow reason: String) throws(JWTError) {
    guard let key else { throw .badKey(reason) }
    self.key = key
  }

  deinit { EVP_PKEY_free(key) }

  init(pem: [UInt8]) throws(JWTError) {
    let key = pem.withUnsafeBytes { bytes in
      let input = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
      defer { BIO_free(input) }
      return PEM_read_bio_PUBKEY(input, nil, callout_no_password, nil)
    }
    try self.init(key, orThrow: "no public key in PEM")
  }

  /// A key of RSA by its modulus and its exponent, big-endian. Source: RFC 7518 §6.3.1.
  init(modulus: [UInt8], exponent: [UInt8]) throws(JWTError) {
    let (n, e) = (Self.number(modulus), Self.number(exponent))
    defer { BN_free(n) }
    defer { BN_free(e) }
    let key = Self.make("RSA") { parameters in
      OSSL_PARAM_BLD_push_BN(parameters, Self.name("n"), n)
      OSSL_PARAM_BLD_push_BN(parameters, Self.name("e"), e)
    }
    try self.init(key, orThrow: "n and e are no key of RSA")
  }

  /// A point of P-256 by its coordinates, 32 bytes each. Source: RFC 7518 §6.2.1.
  init(x: [UInt8], y: [UInt8]) throws(JWTError) {
    guard x.count == 32, y.count == 32 else { throw .badKey("x and y of a P-256 key must have 32 bytes each") }
    // Uncompressed, as SEC 1 has it.
    let point = [0x04] + x + y
    let key = point.withUnsafeBytes { point in
      Self.make("EC") { parameters in
        OSSL_PARAM_BLD_push_utf8_string(parameters, Self.name("group"), Self.name("P-256"), 0)
        OSSL_PARAM_BLD_push_octet_string(parameters, Self.name("pub"), point.baseAddress, point.count)
      }
    }
    try self.init(key, orThrow: "x and y are no point of P-256")
  }

  /// The one algorithm that the key is for.
  func algorithm() throws(JWTError) -> JWTKey.Algorithm {
    let bits = EVP_PKEY_get_bits(key)
    if EVP_PKEY_is_a(key, "RSA") == 1 {
      guard bits >= 2048 else { throw .badKey("a key of RSA with \(bits) bits is too short: RS256 needs 2048") }
      return .rs256
    }
    guard EVP_PKEY_is_a(key, "EC") == 1, isP256 else { throw .badKey("the key is neither of RSA nor of P-256") }
    return .es256
  }

  func pem() -> [UInt8] {
    let output = BIO_new(BIO_s_mem())
    defer { BIO_free(output) }
    PEM_write_bio_PUBKEY(output, key)
    var bytes: UnsafeMutablePointer<CChar>?
    let count = callout_bio_memory(output, &bytes)
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  private var isP256: Bool {
    var name = [CChar](repeating: 0, count: 64)
    var length = 0
    guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return false }
    return name.prefix(length).elementsEqual("prime256v1".utf8.map { CChar($0) })
  }

  private static func number(_ bytes: [UInt8]) -> OpaquePointer? {
    bytes.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress, Int32($0.count), nil) }
  }

  /// A name that stays where it is, for OpenSSL keeps the pointer.
  private static func name(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  private static func make(_ type: String, _ push: (OpaquePointer?) -> Void) -> OpaquePointer? {
    let builder = OSSL_PARAM_BLD_new()
    defer { OSSL_PARAM_BLD_free(builder) }
    push(builder)
    let parameters = OSSL_PARAM_BLD_to_param(builder)
    defer { OSSL_PARAM_free(parameters) }
    let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_fromdata_init(context) == 1,
      EVP_PKEY_fromdata(context, &key, callout_public_key_selection, parameters) == 1
    else { return nil }
    return key
  }
}
