// SPDX-License-Identifier: Apache-2.0
internal import CalloutJSON

extension JWTKey {
  /// The keys of a JSON Web Key Set that can be used: those of RSA, of P-256 and secrets that are for signatures.
  ///
  /// Others are left out, as RFC 7517 §5 has it, so that one bad key does not take the others with it. Throws `badKey`
  /// where none is left.
  ///
  /// - Parameter onUnusable: is told of each key of a known kind that is malformed or too short.
  public static func keys(
    jwks: [UInt8], onUnusable: (JWTError) -> Void = { _ in }
  ) throws(JWTError) -> [JWTKey] {
    let members: [JSONValue]
    do {
      guard let keys = try JSONValue(parsing: jwks)["keys"]?.array else { throw JWTError.badKey("no member keys") }
      members = keys
    } catch {
      throw .badKey("no JSON Web Key Set: \(error)")
    }
    var keys: [JWTKey] = []
    var firstProblem: JWTError?
    for (index, jwk) in members.enumerated() {
      do throws(JWTError) {
        if let key = try JWTKey(jwk: jwk) { keys.append(key) }
      } catch {
        let problem = JWTError.badKey("key \(jwk["kid"]?.string ?? "number \(index + 1)") of the set: \(error)")
        firstProblem = firstProblem ?? problem
        onUnusable(problem)
      }
    }
    guard !keys.isEmpty else { throw firstProblem ?? .badKey("the set has no key for RS256, ES256 or HS256") }
    return keys
  }

  /// Makes a key of a JWK, or nil where it is of another kind or for another use.
  private init?(jwk: JSONValue) throws(JWTError) {
    let isForSignatures = jwk["use"]?.string.map { $0 == "sig" } ?? true
    let kind = (jwk["kty"]?.string, jwk["crv"]?.string)
    let wanted: Algorithm
    switch kind {
    case ("RSA", _): wanted = .rs256
    case ("EC", "P-256"): wanted = .es256
    case ("oct", _): wanted = .hs256
    default: return nil
    }
    guard isForSignatures, jwk["alg"]?.string.map({ $0 == wanted.rawValue }) ?? true else { return nil }
    let id = jwk["kid"]?.string
    switch wanted {
    case .rs256:
      let key = try PublicKey(modulus: Self.bytes("n", of: jwk), exponent: Self.bytes("e", of: jwk))
      self = try .publicKey(key, id: id)
    case .es256: self = try .publicKey(try PublicKey(x: Self.bytes("x", of: jwk), y: Self.bytes("y", of: jwk)), id: id)
    case .hs256: self = try .secret(Self.bytes("k", of: jwk), id: id)
    }
  }

  private static func bytes(_ name: String, of jwk: JSONValue) throws(JWTError) -> [UInt8] {
    guard let text = jwk[name]?.string, let bytes = Base64URL.decode(text.utf8) else {
      throw .badKey("\(name) is missing or no base64url")
    }
    return bytes
  }
}
