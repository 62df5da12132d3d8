// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CalloutJWT
import Callouts
import EnvoyAPI
import ExtProcTesting
import Foundation
import Testing

@testable import JWTAuth

@Suite("JWTAuth", .timeLimit(.minutes(2)))
struct JWTAuthTests {
  private static let rsa = Signer(.rsa)

  private func withKeyFile(
    _ contents: [UInt8] = rsa.publicPEM, _ format: JWTKeyFile.Format = .publicKey,
    _ body: (JWTKeyFile, _ path: String) async throws -> Void
  ) async throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: url) }
    try Data(contents).write(to: url)
    try await body(try JWTKeyFile(url.path, format: format), url.path)
  }

  private static func freshToken(_ further: JSONValue = [:]) -> String {
    let now = Int(Date().timeIntervalSince1970)
    var claims: JSONValue = ["sub": "1234567890", "name": "John Doe", "admin": true]
    claims["iat"] = .number(JSONNumber(now))
    claims["exp"] = .number(JSONNumber(now + 3600))
    for (name, value) in further.object ?? JSONObject() { claims[name] = value }
    return rsa.token(claims, header: ["typ": "JWT"])
  }

  private func texts(_ reply: ProcessingResponseMessage) -> [String: String] {
    let set = reply.requestHeaders.response.headerMutation.setHeaders
    return Dictionary(
      uniqueKeysWithValues: set.map { ($0.header.key, String(decoding: $0.header.rawValue, as: UTF8.self)) })
  }

  @Test("a valid token's claims go to the upstream as headers", arguments: ["Bearer", "bearer", "BEARER"])
  func valid(scheme: String) async throws {
    try await withKeyFile { keys, _ in
      let harness = CalloutHarness(JWTAuth(JWTVerifier(), keys: keys))
      let reply = try await harness.reply(to: .requestHeaders(["authorization": "\(scheme) \(Self.freshToken())"]))
      var headers = texts(reply)
      for name in ["decoded-iat", "decoded-exp"] {
        #expect(headers.removeValue(forKey: name)?.wholeMatch(of: /[0-9]+/) != nil)
      }
      #expect(headers == ["decoded-sub": "1234567890", "decoded-name": "John Doe", "decoded-admin": "True"])
      #expect(reply.requestHeaders.response.clearRouteCache_p)
    }
  }

  @Test("claims are written as Python writes them, but for those that no header can have")
  func rendering() async throws {
    try await withKeyFile { keys, _ in
      let claims = try JSONValue(
        parsing: #"""
          {"t":true,"f":false,"n":null,"i":1234567890123456789,"m":-0,"d":1.5,"e":1e3,"big":1e16,"small":0.00001,"a":[1,"x",null],
           "o":{"q":1,"s":"it's","b":"\"'\\","u":"é\u200b\n"},"text":"it's \"é\"","empty":"","lines":"a\nb","a b":1,"http://x":2,"CASE":3}
          """#)
      let harness = CalloutHarness(JWTAuth(JWTVerifier(), keys: keys))
      let token = Self.rsa.token(claims)
      let headers = texts(try await harness.reply(to: .requestHeaders(["authorization": "Bearer \(token)"])))
      let expected = [
        "t": "True", "f": "False", "n": "None", "i": "1234567890123456789", "m": "0", "d": "1.5", "e": "1000.0",
        "big": "1e+16", "small": "1e-05", "a": "[1, 'x', None]",
        "o": #"{'q': 1, 's': "it's", 'b': '"\'\\', 'u': 'é\u200b\n'}"#, "text": "it's \"é\"", "empty": "", "CASE": "3",
      ]
      #expect(headers == Dictionary(uniqueKeysWithValues: expected.map { ("decoded-\($0.key)", $0.value) }))
    }
  }

  @Test("what the client claims by itself does not reach the upstream")
  func spoofed() async throws {
    try await withKeyFile { keys, _ in
      let harness = CalloutHarness(JWTAuth(JWTVerifier(), keys: keys))
      let reply = try await harness.reply(
        to: .requestHeaders([
          "authorization": "Bearer \(Self.freshToken())", "decoded-role": "root", "decoded-sub": "1",
        ]))
      #expect(reply.requestHeaders.response.headerMutation.removeHeaders == ["decoded-role", "decoded-sub"])
      #expect(texts(reply)["decoded-sub"] == "1234567890")
    }
  }

  @Test(
    "a request without a valid token is denied with 401",
    arguments: [
      (nil, "No Authorization token found."), ("", "No Authorization token found."),
      ("Bearer", "No Authorization token found."),
      ("Basic abc", "No Authorization token found."), ("Bearer a b", "No Authorization token found."),
      ("Bearer abc", "Authorization token is invalid."), ("Bearer a.b.c", "Authorization token is invalid."),
      ("Bearer \(Self.freshToken(["exp": 1]))", "Authorization token is invalid."),
      ("Bearer \(Self.freshToken())x", "Authorization token is invalid."),
      ("Bearer \(Signer(.rsa).token([:]))", "Authorization token is invalid."),
    ] as [(String?, String)])
  func denied(authorization: String?, text: String) async throws {
    try await withKeyFile { keys, _ in
      let message: ProcessingRequestMessage =
        authorization.map { .requestHeaders(["authorization": $0]) } ?? .requestHeaders([:])
      let response = try await CalloutHarness(JWTAuth(JWTVerifier(), keys: keys)).reply(to: message).immediateResponse
      #expect(response.status.code == .unauthorized && response.body == Data(text.utf8))
      let challenge = response.headers.setHeaders.first { $0.header.key == "www-authenticate" }
      let isInvalid = text == "Authorization token is invalid."
      #expect(challenge?.header.rawValue == Data((isInvalid ? #"Bearer error="invalid_token""# : "Bearer").utf8))

      let withStatus = CalloutHarness(JWTAuth(JWTVerifier(), keys: keys, deniesWithStatus: true))
      let error = await #expect(throws: Denial.self) { try await withStatus.reply(to: message) }
      #expect(error?.description == "denied: \(text)")
    }
  }

  @Test("what headers could not tell apart, or Envoy would refuse, is denied")
  func ambiguous() async throws {
    try await withKeyFile { keys, _ in
      let callout = JWTAuth(JWTVerifier(), keys: keys)
      let many = JSONValue.object((0...100).reduce(into: JSONObject()) { $0["c\($1)"] = 1 })
      for claims in [many, ["sub": "a", "Sub": "b"]] as [JSONValue] {
        let message = ProcessingRequestMessage.requestHeaders(["authorization": "Bearer \(Self.rsa.token(claims))"])
        #expect(try await CalloutHarness(callout).reply(to: message).immediateResponse.status.code == .unauthorized)
      }
      let token = "Bearer \(Self.freshToken())"
      let two = ProcessingRequestMessage.requestHeaders(["authorization": token, "Authorization": token])
      #expect(try await CalloutHarness(callout).reply(to: two).immediateResponse.status.code == .unauthorized)
      let spoofed = ProcessingRequestMessage.requestHeaders(["authorization": token, "Decoded-Role": "root"])
      let reply = try await CalloutHarness(callout).reply(to: spoofed)
      #expect(reply.requestHeaders.response.headerMutation.removeHeaders == ["decoded-role"])
    }
  }

  @Test("a header that is not UTF-8 is denied")
  func notUTF8() async throws {
    try await withKeyFile { keys, _ in
      var message = ProcessingRequestMessage.requestHeaders(["authorization": ""])
      message.requestHeaders.headers.headers[0].rawValue = Data("Bearer ".utf8) + [0xff, 0xfe]
      let response = try await CalloutHarness(JWTAuth(JWTVerifier(), keys: keys)).reply(to: message).immediateResponse
      #expect(response.status.code == .unauthorized)
    }
  }

  @Test("without a key every token is refused")
  func noKey() async throws {
    let message = ProcessingRequestMessage.requestHeaders(["authorization": "Bearer \(Self.freshToken())"])
    let reply = try await CalloutHarness(JWTAuth()).reply(to: message)
    #expect(reply.immediateResponse.status.code == .unauthorized)
  }

  @Test(
    "behind Envoy, also where it goes on without a callout that fails",
    .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
  func behindEnvoy() async throws {
    try await withKeyFile { keys, _ in
      try await withEnvoyProxy(JWTAuth(JWTVerifier(), keys: keys), filter: { $0.failureModeAllow = true }) { proxy in
        let connection = try await proxy.connect()
        let fields: HTTPFields = ["authorization": "Bearer \(Self.freshToken())", "decoded-role": "root"]
        let allowed = try await connection.get("/", fields: fields)
        #expect(allowed.status == 200 && allowed.text.contains("decoded-name: John Doe"))
        #expect(!allowed.text.contains("decoded-role"))
        let denied = try await connection.get("/", fields: ["authorization": "Bearer x"])
        #expect(denied.status == 401 && denied.text == "Authorization token is invalid.")
        #expect(denied.fields["www-authenticate"] == #"Bearer error="invalid_token""#)
        #expect(try await connection.get("/").status == 401)
      }
    }
  }

  @Test("as a program, with each kind of key, which is read again when it changes")
  func program() async throws {
    let other = Signer(.p256)
    let secret = Array("a secret of thirty-two bytes, or more".utf8)
    let jwks = { (signer: Signer) in (["keys": [signer.jwk(id: "k")]] as JSONValue).serialized() }
    for (flag, contents, token) in [
      ("--public-key", Self.rsa.publicPEM, Self.rsa.token([:])), ("--public-key", other.publicPEM, other.token([:])),
      ("--secret", secret, Signer.hmacToken([:], secret: secret)),
      ("--jwks", jwks(Self.rsa), Self.rsa.token([:], header: ["kid": "k"])),
    ] {
      try await withKeyFile(contents, flag == "--jwks" ? .jwks : flag == "--secret" ? .secret : .publicKey) { _, path in
        let example = try await ExampleProcess.serve(
          "JWTAuth", flag, path, "--deny-with-grpc-status", "--drain-delay", "0")
        defer { example.process.send(signal: SIGKILL) }
        let client = try await CalloutClient.connect(to: example.plaintext)
        let reply = try await client.stream().reply(to: .requestHeaders(["authorization": "Bearer \(token)"]))
        #expect(reply.requestHeaders.response.clearRouteCache_p, "\(flag)")
        let denied = try await client.stream()
        try await denied.send(.requestHeaders([:]))
        let status = await denied.status
        #expect(status.code == .permissionDenied && status.message == "No Authorization token found.")
        await client.close()
      }
    }
  }

  @Test("as a program, with what tokens must say")
  func rules() async throws {
    try await withKeyFile { _, path in
      let example = try await ExampleProcess.serve(
        "JWTAuth", "--public-key", path, "--audience", "me", "--issuer", "them", "--leeway", "1000", "--drain-delay",
        "0")
      defer { example.process.send(signal: SIGKILL) }
      let client = try await CalloutClient.connect(to: example.plaintext)
      func isAllowed(_ claims: JSONValue) async throws -> Bool {
        let message = ProcessingRequestMessage.requestHeaders(["authorization": "Bearer \(Self.rsa.token(claims))"])
        return try await client.stream().reply(to: message).requestHeaders.response.clearRouteCache_p
      }
      let justPassed = JSONValue.number(JSONNumber(JWTVerifier.now - 500))
      #expect(try await isAllowed(["aud": "me", "iss": "them", "exp": justPassed]))
      #expect(try await !isAllowed(["aud": "you", "iss": "them"]))
      #expect(try await !isAllowed(["aud": "me", "iss": "others"]))
      #expect(try await !isAllowed(["aud": "me", "iss": "them", "exp": 1]))
      await client.close()
    }
  }

  @Test(
    "flags that cannot be are refused in one line",
    arguments: [
      (["--public-key", "/none/key.pem"], "/none/key.pem cannot be read"),
      (["--public-key", "EMPTY"], "no public key in PEM"),
      (["--jwks", "EMPTY"], "no JSON Web Key Set"), (["--secret", "EMPTY"], "a secret of 0 bytes is too short"),
      (["--public-key", "a", "--jwks", "b"], "give one of --public-key, --secret and --jwks"),
    ])
  func badFlags(arguments: [String], words: String) async throws {
    let empty = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: empty) }
    try Data().write(to: empty)
    let process = try ExampleProcess.start("JWTAuth", arguments.map { $0 == "EMPTY" ? empty.path : $0 })
    #expect(await process.exitStatus == 2)
    #expect(process.output.hasPrefix("JWTAuth: ") && process.output.contains(words), "\(process.output)")
    #expect(process.output.split(separator: "\n").count == 1)
  }
}
