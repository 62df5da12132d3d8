// SPDX-License-Identifier: Apache-2.0
internal import CJWT
public import CalloutJSON

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Verifies JSON Web Tokens: the signature with libjwt, then the claims that say when and for whom a token is.
///
///     let verifier = JWTVerifier(audience: "api")
///     let claims = try verifier.verify(token, with: [try .publicKey(pem: pem)])
///
/// libjwt refuses tokens with numbers that fit neither 64 bits nor a double. Source: RFC 7519, RFC 7515. Safe to use from any thread; a verification takes about a tenth of a millisecond.
public struct JWTVerifier: Sendable {
  /// The `aud` that a token must name. Where it is nil a token that names any is for somebody else, and refused.
  public var audience: String?
  /// The `iss` that a token must have, or nil for any.
  public var issuer: String?
  /// Seconds by which the clocks of issuer and verifier may differ.
  public var leeway: Int

  public init(audience: String? = nil, issuer: String? = nil, leeway: Int = 0) {
    self.audience = audience
    self.issuer = issuer
    self.leeway = leeway
  }

  /// The claims of a token, in its order.
  ///
  /// - Parameters:
  ///   - keys: those that may have signed it.
  ///   - now: seconds since 1970; by default the system's clock.
  /// - Throws: `JWTError` where the token is malformed, no key is for it, its signature is not the key's, or a claim is
  ///   not what it must be: `exp` passed, `nbf` or `iat` to come, `aud` or `iss` another, `sub` no string.
  public func verify(_ token: String, with keys: [JWTKey], at now: Int = Self.now) throws(JWTError) -> JSONObject {
    let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed("it has \(parts.count) parts, not 3") }
    let header = try Self.object(parts[0], "header")
    let claims = try Self.object(parts[1], "payload")
    guard Base64URL.decode(parts[2]) != nil else { throw .malformed("the signature is no base64url") }
    guard header["crit"] == nil else { throw .malformed("crit asks for what is not known here") }
    try Self.verifySignature(of: token, header, keys)
    try check(claims, at: now)
    return claims
  }

  /// Seconds since 1970 by the system's clock.
  public static var now: Int { Int(Date().timeIntervalSince1970) }

  private static func object(_ part: Substring.UTF8View, _ name: String) throws(JWTError) -> JSONObject {
    guard let bytes = Base64URL.decode(part) else { throw .malformed("the \(name) is no base64url") }
    do {
      guard let object = try JSONValue(parsing: bytes).object else { throw JWTError.malformed("it is no object") }
      return object
    } catch {
      throw .malformed("the \(name) is no JSON object")
    }
  }

  // MARK: Signature

  private static func verifySignature(
    of token: String, _ header: JSONObject, _ keys: [JWTKey]
  ) throws(JWTError) {
    let algorithm = header["alg"]?.string ?? "none"
    let keyID = header["kid"]?.string
    let candidates = keys.filter { key in
      key.algorithm.rawValue == algorithm
        && (keyID == nil || key.id == nil || key.id.map { .string($0) } == header["kid"])
    }
    guard !candidates.isEmpty else { throw .noKey(algorithm: algorithm, keyID: keyID) }
    guard candidates.contains(where: { isSigned(token, by: $0) }) else { throw .badSignature }
  }

  private static func isSigned(_ token: String, by key: JWTKey) -> Bool {
    var decoded: OpaquePointer?
    let result = key.material.withUnsafeBufferPointer { material in
      jwt_decode(&decoded, token, material.baseAddress, Int32(material.count))
    }
    guard result == 0, let decoded else { return false }
    defer { jwt_free(decoded) }
    // libjwt takes the algorithm from the token, and none at all for a good one.
    return String(cString: jwt_alg_str(jwt_get_alg(decoded))) == key.algorithm.rawValue
  }

  // MARK: Claims

  private func check(_ claims: JSONObject, at now: Int) throws(JWTError) {
    if let expiry = try Self.time("exp", claims), expiry + Double(leeway) <= Double(now) {
      throw .badClaim(name: "exp", reason: "has passed")
    }
    for name in ["nbf", "iat"] {
      if let time = try Self.time(name, claims), time - Double(leeway) > Double(now) {
        throw .badClaim(name: name, reason: "is to come")
      }
    }
    try checkAudience(claims["aud"])
    if let issuer, claims["iss"] != .string(issuer) { throw .badClaim(name: "iss", reason: "is not \(issuer)") }
    for name in ["sub", "jti"] where claims[name] != nil && claims[name]?.string == nil {
      throw .badClaim(name: name, reason: "is no string")
    }
  }

  /// Source: RFC 7519 §4.1.3.
  private func checkAudience(_ claim: JSONValue?) throws(JWTError) {
    let named = claim.map { $0.array ?? [$0] } ?? []
    guard let audience else {
      guard claim == nil else { throw .badClaim(name: "aud", reason: "is given, and none is expected") }
      return
    }
    guard named.contains(.string(audience)) else { throw .badClaim(name: "aud", reason: "is not \(audience)") }
  }

  private static func time(_ name: String, _ claims: JSONObject) throws(JWTError) -> Double? {
    guard let claim = claims[name] else { return nil }
    guard let time = claim.double, time.isFinite else { throw .badClaim(name: name, reason: "is no time") }
    return time
  }
}
