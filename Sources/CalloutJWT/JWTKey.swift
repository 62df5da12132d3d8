// SPDX-License-Identifier: Apache-2.0

/// A key that tokens are verified with, for one algorithm only: what a token says of itself never chooses how a key is used.
public struct JWTKey: Sendable, Hashable {
  public enum Algorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case rs256 = "RS256"
    case es256 = "ES256"
  }

  public let algorithm: Algorithm
  /// The key's `kid`, or nil for a key that verifies tokens with any.
  public let id: String?
  /// As libjwt takes it: a secret's bytes, or a public key in PEM.
  let material: [UInt8]

  private init(_ algorithm: Algorithm, id: String?, _ material: [UInt8]) {
    self.algorithm = algorithm
    self.id = id
    self.material = material
  }

  /// A public key in PEM: of RSA for RS256, of P-256 for ES256.
  ///
  /// Throws `badKey` where it is neither, or an RSA key of less than 2,048 bits (RFC 7518 §3.3).
  public static func publicKey(pem: [UInt8], id: String? = nil) throws(JWTError) -> JWTKey {
    let key = try PublicKey(pem: pem)
    return JWTKey(try key.algorithm(), id: id, key.pem())
  }

  /// A secret that is shared with the issuer, for HS256.
  ///
  /// Throws `badKey` where it has less than 32 bytes (RFC 7518 §3.2).
  public static func secret(_ bytes: [UInt8], id: String? = nil) throws(JWTError) -> JWTKey {
    guard bytes.count >= 32 else { throw .badKey("a secret of \(bytes.count) bytes is too short: HS256 needs 32") }
    return JWTKey(.hs256, id: id, bytes)
  }

  static func publicKey(_ key: borrowing PublicKey, id: String?) throws(JWTError) -> JWTKey {
    JWTKey(try key.algorithm(), id: id, key.pem())
  }
}
