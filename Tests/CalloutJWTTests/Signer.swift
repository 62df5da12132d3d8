import COpenSSL
// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Foundation

/// Signs tokens with a key made for the test, by OpenSSL alone: not with the library that verifies them.
final class Signer: @unchecked Sendable {
  // Unchecked: OpenSSL's key is only read once it is made.
  enum Kind: CaseIterable { case rsa, p256, rsa1024, p384 }

  private let key: OpaquePointer

  init(_ kind: Kind) {
    let context = EVP_PKEY_CTX_new_from_name(nil, kind == .rsa || kind == .rsa1024 ? "RSA" : "EC", nil)
    defer { EVP_PKEY_CTX_free(context) }
    EVP_PKEY_keygen_init(context)
    switch kind {
    case .rsa: EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048)
    case .rsa1024: EVP_PKEY_CTX_set_rsa_keygen_bits(context, 1_024)
    case .p256: EVP_PKEY_CTX_set_group_name(context, "P-256")
    case .p384: EVP_PKEY_CTX_set_group_name(context, "P-384")
    }
    var key: OpaquePointer?
    EVP_PKEY_generate(context, &key)
    self.key = key!
  }

  deinit { EVP_PKEY_free(key) }

  var isRSA: Bool { EVP_PKEY_is_a(key, "RSA") == 1 }

  var publicPEM: [UInt8] {
    let output = BIO_new(BIO_s_mem())
    defer { BIO_free(output) }
    PEM_write_bio_PUBKEY(output, key)
    var bytes = [UInt8](repeating: 0, count: 8_192)
    let count = BIO_read(output, &bytes, Int32(bytes.count))
    return Array(bytes.prefix(Int(count)))
  }

  /// The public key as a JWK.
  func jwk(id: String? = nil, _ further: JSONValue = [:]) -> JSONValue {
    var jwk: JSONValue =
      isRSA
      ? ["kty": "RSA", "n": .string(Self.base64URL(number("n"))), "e": .string(Self.base64URL(number("e")))]
      : [
        "kty": "EC", "crv": "P-256", "x": .string(Self.base64URL(number("qx"), count: 32)),
        "y": .string(Self.base64URL(number("qy"), count: 32)),
      ]
    if let id { jwk["kid"] = .string(id) }
    for (name, value) in further.object! { jwk[name] = value }
    return jwk
  }

  /// A signed token; the header's algorithm is the key's where none is given.
  func token(_ claims: JSONValue, header: JSONValue = [:]) -> String {
    var header = header
    if header["alg"] == nil { header["alg"] = isRSA ? "RS256" : "ES256" }
    let text = Self.base64URL(header.serialized()) + "." + Self.base64URL(claims.serialized())
    let signature = sign(Array(text.utf8))
    return text + "." + Self.base64URL(isRSA ? signature : Self.joined(signature))
  }

  static func hmacToken(_ claims: JSONValue, secret: [UInt8], header: JSONValue = ["alg": "HS256"]) -> String {
    let text = base64URL(header.serialized()) + "." + base64URL(claims.serialized())
    var signature = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    HMAC(EVP_sha256(), secret, Int32(secret.count), Array(text.utf8), text.utf8.count, &signature, &length)
    return text + "." + base64URL(signature)
  }

  static func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  private static func base64URL(_ bytes: [UInt8], count: Int) -> String {
    base64URL([UInt8](repeating: 0, count: count - bytes.count) + bytes)
  }

  private func number(_ name: String) -> [UInt8] {
    var number: OpaquePointer?
    EVP_PKEY_get_bn_param(key, name, &number)
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
    BN_bn2bin(number, &bytes)
    return bytes
  }

  private func sign(_ bytes: [UInt8]) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key)
    var signature = [UInt8](repeating: 0, count: 1_024)
    var length = signature.count
    EVP_DigestSign(context, &signature, &length, bytes, bytes.count)
    return Array(signature.prefix(length))
  }

  /// The two numbers of a DER signature of P-256 one behind the other, as a token has them (RFC 7518 §3.4).
  private static func joined(_ der: [UInt8]) -> [UInt8] {
    func number(at offset: inout Int) -> [UInt8] {
      let length = Int(der[offset + 1])
      let number = der[(offset + 2)..<(offset + 2 + length)].drop { $0 == 0 }
      offset += 2 + length
      return [UInt8](repeating: 0, count: 32 - number.count) + number
    }
    var offset = 2
    let r = number(at: &offset)
    return r + number(at: &offset)
  }
}
