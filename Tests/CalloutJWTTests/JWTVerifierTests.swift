// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Testing

@testable import CalloutJWT

@Suite("JSON Web Tokens")
struct JWTVerifierTests {
  private static let now = 1_800_000_000
  private static let rsa = Signer(.rsa)
  private static let p256 = Signer(.p256)
  private static let secret = Array("a secret of thirty-two bytes, or more".utf8)

  private func verify(
    _ token: String, _ keys: [JWTKey], _ verifier: JWTVerifier = JWTVerifier()
  ) throws(JWTError) -> JSONObject {
    try verifier.verify(token, with: keys, at: Self.now)
  }

  private func rsaKey(id: String? = nil) throws -> JWTKey { try .publicKey(pem: Self.rsa.publicPEM, id: id) }

  @Test("a token that is signed with the key gives its claims, in their order", arguments: JWTKey.Algorithm.allCases)
  func valid(algorithm: JWTKey.Algorithm) throws {
    let claims: JSONValue = ["sub": "1234567890", "name": "Zoë", "admin": true, "n": ["b": 1, "a": [nil]], "iat": 1]
    let (token, key) =
      switch algorithm {
      case .rs256: (Self.rsa.token(claims), try JWTKey.publicKey(pem: Self.rsa.publicPEM))
      case .es256: (Self.p256.token(claims), try JWTKey.publicKey(pem: Self.p256.publicPEM))
      case .hs256: (Signer.hmacToken(claims, secret: Self.secret), try JWTKey.secret(Self.secret))
      }
    #expect(key.algorithm == algorithm)
    #expect(JSONValue.object(try verify(token, [key])).description == claims.description)
  }

  @Test("a token that was changed in any character is refused", arguments: JWTKey.Algorithm.allCases)
  func changed(algorithm: JWTKey.Algorithm) throws {
    let (token, key) =
      switch algorithm {
      case .rs256: (Self.rsa.token(["a": 1]), try JWTKey.publicKey(pem: Self.rsa.publicPEM))
      case .es256: (Self.p256.token(["a": 1]), try JWTKey.publicKey(pem: Self.p256.publicPEM))
      case .hs256: (Signer.hmacToken(["a": 1], secret: Self.secret), try JWTKey.secret(Self.secret))
      }
    for index in token.utf8.indices {
      for replacement in ["A", "B", ".", "=", "+", "\u{0}", ""] where String(token[index]) != replacement {
        var changed = token
        changed.replaceSubrange(index...index, with: replacement)
        #expect(throws: JWTError.self, "\(changed)") { try verify(changed, [key]) }
      }
    }
    #expect(throws: JWTError.self) { try verify(token + "A", [key]) }
    #expect(throws: JWTError.self) { try verify(token + "==", [key]) }
  }

  @Test("a key is used for its own algorithm only, whatever a token says")
  func algorithms() throws {
    let rsa = try rsaKey()
    let keys = [rsa, try JWTKey.publicKey(pem: Self.p256.publicPEM), try JWTKey.secret(Self.secret)]
    // The public key as if it were a secret.
    let forged = Signer.hmacToken(["a": 1], secret: Self.rsa.publicPEM)
    #expect(throws: JWTError.noKey(algorithm: "HS256", keyID: nil)) { try verify(forged, [rsa]) }
    #expect(throws: JWTError.badSignature) { try verify(forged, keys) }
    let payload = Signer.base64URL(Array(#"{"a":1}"#.utf8))
    for algorithm in ["none", "None", "HS384", "RS512", "rs256", ""] {
      let header = Signer.base64URL((["alg": .string(algorithm)] as JSONValue).serialized())
      for signature in ["", "AAAA"] {
        #expect(throws: JWTError.noKey(algorithm: algorithm, keyID: nil)) {
          try verify("\(header).\(payload).\(signature)", keys)
        }
      }
    }
    for header in ["{}", #"{"alg":1}"#, #"{"alg":null}"#] {
      let token = "\(Signer.base64URL(Array(header.utf8))).\(payload).AAAA"
      #expect(throws: JWTError.noKey(algorithm: "none", keyID: nil)) { try verify(token, keys) }
    }
    #expect(throws: JWTError.noKey(algorithm: "RS256", keyID: nil)) { try verify(Self.rsa.token(["a": 1]), []) }
  }

  @Test("kid chooses among the keys that have one")
  func keyIDs() throws {
    let other = Signer(.rsa)
    let keys = [try rsaKey(id: "a"), try JWTKey.publicKey(pem: other.publicPEM, id: "b")]
    _ = try verify(Self.rsa.token(["x": 1], header: ["kid": "a"]), keys)
    _ = try verify(other.token(["x": 1], header: ["kid": "b"]), keys)
    // Without a kid each key may be the one.
    _ = try verify(other.token(["x": 1]), keys)
    #expect(throws: JWTError.badSignature) { try verify(other.token(["x": 1], header: ["kid": "a"]), keys) }
    #expect(throws: JWTError.noKey(algorithm: "RS256", keyID: "c")) {
      try verify(Self.rsa.token(["x": 1], header: ["kid": "c"]), keys)
    }
    // A key without an id is for any.
    _ = try verify(Self.rsa.token(["x": 1], header: ["kid": "c"]), [rsaKey()])
  }

  @Test(
    "claims that say when and for whom a token is",
    arguments: [
      ([:], nil), (["exp": 1_800_000_001], nil), (["exp": 1_800_000_000], "exp has passed"),
      (["exp": 1], "exp has passed"),
      (["exp": "1900000000"], "exp is no time"), (["exp": nil], "exp is no time"), (["exp": true], "exp is no time"),
      (["nbf": 1_800_000_000], nil), (["nbf": 1_800_000_001], "nbf is to come"), (["nbf": []], "nbf is no time"),
      (["iat": 1_800_000_000], nil), (["iat": 1_800_000_001], "iat is to come"), (["iat": "x"], "iat is no time"),
      (["aud": "any"], "aud is given, and none is expected"), (["aud": ["any"]], "aud is given, and none is expected"),
      (["sub": 1], "sub is no string"), (["sub": "x"], nil), (["jti": nil], "jti is no string"), (["iss": 1], nil),
    ] as [(JSONValue, String?)])
  func claims(claims: JSONValue, refusal: String?) throws {
    let token = Self.rsa.token(claims)
    if let refusal {
      let error = #expect(throws: JWTError.self) { try verify(token, [rsaKey()]) }
      #expect(error?.description == refusal)
    } else {
      _ = try verify(token, [rsaKey()])
    }
  }

  @Test("a time too large for a number is no time")
  func infiniteTime() throws {
    let claims = try JSONValue(parsing: #"{"exp": 1e400}"#)
    #expect(throws: JWTError.self) { try verify(Self.rsa.token(claims), [rsaKey()]) }
    let fraction = try JSONValue(parsing: #"{"exp": 1.8e9}"#)
    #expect(throws: JWTError.self) { try verify(Self.rsa.token(fraction), [rsaKey()]) }
  }

  @Test("clocks may differ by the leeway")
  func leeway() throws {
    let verifier = JWTVerifier(leeway: 10)
    let keys = [try rsaKey()]
    _ = try verify(Self.rsa.token(["exp": 1_799_999_991, "nbf": 1_800_000_010, "iat": 1_800_000_010]), keys, verifier)
    for claims in [["exp": 1_799_999_990], ["nbf": 1_800_000_011], ["iat": 1_800_000_011]] as [JSONValue] {
      #expect(throws: JWTError.self) { try verify(Self.rsa.token(claims), keys, verifier) }
    }
  }

  @Test("audience and issuer must be those that are expected")
  func audienceAndIssuer() throws {
    let verifier = JWTVerifier(audience: "me", issuer: "them")
    let keys = [try rsaKey()]
    for audience in ["me", ["me"], ["you", "me"]] as [JSONValue] {
      _ = try verify(Self.rsa.token(["aud": audience, "iss": "them"]), keys, verifier)
    }
    for claims in [
      ["aud": "you", "iss": "them"], ["aud": [], "iss": "them"], ["iss": "them"], ["aud": "me"],
      ["aud": "me", "iss": "others"], ["aud": ["me": 1], "iss": "them"], ["aud": 1, "iss": "them"],
    ] as [JSONValue] {
      #expect(throws: JWTError.self, "\(claims)") { try verify(Self.rsa.token(claims), keys, verifier) }
    }
  }

  @Test("names that only look alike are others")
  func lookalikes() throws {
    let (kelvin, keys) = ("\u{212a}", [try rsaKey(id: "K")])
    let verifier = JWTVerifier(audience: "K", issuer: "K")
    _ = try verify(Self.rsa.token(["aud": "K", "iss": "K"], header: ["kid": "K"]), keys, verifier)
    for token in [
      Self.rsa.token(["aud": .string(kelvin), "iss": "K"]), Self.rsa.token(["aud": "K", "iss": .string(kelvin)]),
      Self.rsa.token(["aud": "K", "iss": "K"], header: ["kid": .string(kelvin)]),
    ] {
      #expect(throws: JWTError.self) { try verify(token, keys, verifier) }
    }
  }

  @Test("crit is refused, since nothing that it could ask for is known")
  func critical() throws {
    let token = Self.rsa.token(["a": 1], header: ["crit": ["b64"], "b64": false])
    #expect(throws: JWTError.malformed("crit asks for what is not known here")) { try verify(token, [rsaKey()]) }
  }

  @Test(
    "what is no token is refused",
    arguments: [
      "", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "e30.W10.e30", "W10.e30.AA",
      "\u{0}.\u{0}.\u{0}", "é.é.é",
    ])
  func malformed(token: String) throws {
    #expect(throws: JWTError.self) { try verify(token, [rsaKey(), .secret(Self.secret)]) }
  }

  @Test("random bytes and cut tokens are refused without a crash")
  func fuzzed() throws {
    var random = SystemRandomNumberGenerator()
    let keys = [try rsaKey(), try JWTKey.publicKey(pem: Self.p256.publicPEM), try JWTKey.secret(Self.secret)]
    let good = [Self.rsa.token(["a": 1]), Self.p256.token(["a": 1]), Signer.hmacToken(["a": 1], secret: Self.secret)]
    for round in 0..<3_000 {
      var bytes = Array(good[round % 3].utf8)
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: bytes[index] ^= UInt8.random(in: 1...127, using: &random)
        case 1: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 0...20, using: &random)))
        default: bytes.insert(UInt8.random(in: 0...127, using: &random), at: index)
        }
      }
      let token = String(decoding: bytes, as: UTF8.self)
      guard !good.contains(token) else { continue }
      #expect(throws: JWTError.self, "\(token)") { try verify(token, keys) }
    }
  }
}
