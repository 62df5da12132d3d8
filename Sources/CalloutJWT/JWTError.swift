// SPDX-License-Identifier: Apache-2.0

/// Why a token is not accepted, or a key cannot be used.
public enum JWTError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The token is not three parts of base64url, or they are no JSON objects.
  case malformed(String)
  /// No key is for the token's algorithm and key id.
  case noKey(algorithm: String, keyID: String?)
  /// The signature is not the key's.
  case badSignature
  /// A claim is not what it must be now.
  case badClaim(name: String, reason: String)
  /// A key is malformed, too short, or of an unknown kind.
  case badKey(String)

  public var description: String {
    switch self {
    case .malformed(let reason): "malformed token: \(reason)"
    case .noKey(let algorithm, let keyID): "no key for alg \(algorithm)" + (keyID.map { ", kid \($0)" } ?? "")
    case .badSignature: "the signature does not match"
    case .badClaim(let name, let reason): "\(name) \(reason)"
    case .badKey(let reason): reason
    }
  }
}
