// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import Foundation
import Testing

@testable import CalloutJWT

@Suite("Keys for JSON Web Tokens")
struct JWTKeyTests {
  private static let rsa = Signer(.rsa)
  private static let p256 = Signer(.p256)
  private static let secret = Array("a secret of thirty-two bytes, or more".utf8)

  private func keys(_ jwks: JSONValue...) throws -> [JWTKey] {
    try JWTKey.keys(jwks: (["keys": .array(jwks)] as JSONValue).serialized())
  }

  @Test("a set has keys of RSA, of P-256 and secrets, and what else is in it is left out")
  func set() throws {
    let keys = try keys(
      Self.rsa.jwk(id: "r", ["use": "sig", "alg": "RS256"]), Self.p256.jwk(id: "e"),
      ["kty": "oct", "kid": "h", "k": .string(Signer.base64URL(Self.secret))], Self.rsa.jwk(id: "enc", ["use": "enc"]),
      Self.rsa.jwk(id: "other", ["alg": "RS512"]), ["kty": "OKP", "crv": "Ed25519"], ["kty": "EC", "crv": "P-384"], 1)
    #expect(keys.map(\.id) == ["r", "e", "h"] && keys.map(\.algorithm) == [.rs256, .es256, .hs256])
    // They are the keys themselves.
    #expect(try keys[0] == .publicKey(pem: Self.rsa.publicPEM, id: "r"))
    #expect(try keys[1] == .publicKey(pem: Self.p256.publicPEM, id: "e"))
    #expect(try keys[2] == .secret(Self.secret, id: "h"))
  }

  @Test("keys of a set that cannot be used are told of and left out, and take no others with them")
  func unusable() throws {
    let set: JSONValue = [
      "keys": [
        Signer(.rsa1024).jwk(id: "short"), ["kty": "RSA", "kid": "bad", "n": "!"], Self.rsa.jwk(id: "a"),
        Self.p256.jwk(id: "a"),
      ]
    ]
    var problems: [String] = []
    let keys = try JWTKey.keys(jwks: set.serialized()) { problems.append($0.description) }
    // One id may be that of keys of two kinds (RFC 7517 §4.5).
    #expect(keys.map(\.algorithm) == [.rs256, .es256])
    #expect(problems.count == 2 && problems[0].contains("key short") && problems[1].contains("key bad"), "\(problems)")
  }

  @Test("a set without a key that can be used is refused, naming one")
  func badSets() throws {
    var jwk = Self.rsa.jwk(id: "a")
    jwk["n"] = "!"
    var point = Self.p256.jwk()
    point["x"] = point["y"]
    for (set, words) in [
      (["keys": [jwk]], "key a of the set: n is missing or no base64url"), (["keys": [point]], "key number 1"),
      (["keys": []], "no key"), ([:], "no member keys"), ([], "no member keys"),
      (["keys": [Signer(.rsa1024).jwk(id: "s")]], "1024 bits is too short"),
      (["keys": [["kty": "oct", "k": "AA"]]], "too short"),
      (["keys": [["kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"]]], "32 bytes each"),
      (["keys": [["kty": "RSA", "n": "", "e": ""]]], "key number 1"),
    ] as [(JSONValue, String)] {
      let error = #expect(throws: JWTError.self, "\(set)") { try JWTKey.keys(jwks: set.serialized()) }
      #expect(error?.description.contains(words) == true, "\(error as Any)")
    }
    for text in ["", "{", "\u{FEFF}{}"] {
      #expect(throws: JWTError.self) { try JWTKey.keys(jwks: Array(text.utf8)) }
    }
  }

  @Test("PEM without a public key that can be used is refused")
  func badPEM() throws {
    for pem in [[], Array("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".utf8), [0, 255]] as [[UInt8]] {
      #expect(throws: JWTError.badKey("no public key in PEM")) { try JWTKey.publicKey(pem: pem) }
    }
    #expect(throws: JWTError.self) { try JWTKey.publicKey(pem: Signer(.rsa1024).publicPEM) }
    #expect(throws: JWTError.badKey("the key is neither of RSA nor of P-256")) {
      try JWTKey.publicKey(pem: Signer(.p384).publicPEM)
    }
    #expect(throws: JWTError.self) { try JWTKey.secret(Array(repeating: 1, count: 31)) }
  }

  @Test("a file is read again when it changes, and a bad one leaves the keys as they were")
  func file() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: url) }
    func write(_ jwks: JSONValue...) throws {
      try Data((["keys": .array(jwks)] as JSONValue).serialized()).write(to: url)
    }
    try write(Self.rsa.jwk(id: "a"))
    let file = try JWTKeyFile(url.path, format: .jwks)
    #expect(try !file.reload() && file.keys.map(\.id) == ["a"])
    try write(Self.rsa.jwk(id: "b"), Self.p256.jwk(id: "c"))
    #expect(try file.reload() && file.keys.map(\.id) == ["b", "c"])
    try Data("{".utf8).write(to: url)
    let error = #expect(throws: JWTError.self) { try file.reload() }
    #expect(error?.description.hasPrefix(url.path) == true)
    try FileManager.default.removeItem(at: url)
    #expect(throws: JWTError.badKey("\(url.path) cannot be read")) { try file.reload() }
    #expect(file.keys.map(\.id) == ["b", "c"])
    try Data(Self.p256.publicPEM).write(to: url)
    #expect(try JWTKeyFile(url.path, format: .publicKey).keys.map(\.algorithm) == [.es256])
    try Data(Self.secret).write(to: url)
    #expect(try JWTKeyFile(url.path, format: .secret).keys == [.secret(Self.secret)])
    try Data(Self.secret + Array("\n".utf8)).write(to: url)
    #expect(try JWTKeyFile(url.path, format: .secret).keys == [.secret(Self.secret)])
    #expect(throws: JWTError.self) { try JWTKeyFile(url.path, format: .publicKey) }
  }

  @Test("base64url is taken only as an encoder writes it")
  func base64URL() {
    for bytes in [[], [0], [0, 1], [0, 1, 2], [255, 254, 253, 252]] as [[UInt8]] {
      #expect(Base64URL.decode(Signer.base64URL(bytes).utf8) == bytes)
    }
    for text in ["A", "AA=", "AA==", "AB", "AAB", "A+", "A/", "A A", "A\n", "é"] {
      #expect(Base64URL.decode(text.utf8) == nil, "\(text)")
    }
  }
}
