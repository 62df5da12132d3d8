// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

/// The examples that are modules, as they are built.
@Suite(
  "Examples within Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct ModuleExamplesTests {
  @Test("AddHeader changes a request and its response")
  func addHeader() async throws {
    let upstream: HTTPUpstream.Responder = { request in
      var response = HTTPUpstream.echo(request)
      response.fields.add("foo", "to be removed")
      return response
    }
    try await withHTTPUpstream(upstream) { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = [.init("AddHeaderModule", "add-header")]
      try await withEnvoy(configuration) { envoy in
        let response = try await HTTPConnection.connect(to: envoy.address).get("/path")
        #expect(response.text.contains("header-request: request"))
        #expect(response.fields.values(of: "header-response") == ["response"])
        #expect(response.fields["foo"] == nil)
      }
    }
  }

  @Test("JWTAuth lets a token of its key pass, and no other")
  func jwtAuth() async throws {
    let secret = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
    try Data("a secret of a test, of 32 bytes!".utf8).write(to: secret)
    defer { try? FileManager.default.removeItem(at: secret) }
    try await withHTTPUpstream { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = [
        .init("JWTAuthModule", "jwt-auth", configurationJSON: #"{"secret":"\#(secret.path)"}"#)
      ]
      try await withEnvoy(configuration) { envoy in
        let connection = try await HTTPConnection.connect(to: envoy.address)
        let refused = try await connection.get("/")
        #expect(refused.status == 401)
        let passed = try await connection.get("/", fields: ["authorization": "Bearer \(Self.token)"])
        #expect(passed.status == 200)
        #expect(passed.text.contains("decoded-name: John Doe"))
      }
    }
  }

  /// HS256, {"sub":"1234567890","name":"John Doe","iat":1516239022}.
  private static let token =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    + ".hbrrpqXKmVtD30_BQ5w22gkdW9UdX-4SjQ9HnjRWDGE"

  @Test("keys that cannot be read are one line of Envoy's log")
  func jwtAuthWithoutKeys() async throws {
    var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
    configuration.modules = [.init("JWTAuthModule", "jwt-auth", configurationJSON: #"{"secret":"/nowhere"}"#)]
    let error = await #expect(throws: (any Error).self) { try await withEnvoy(configuration) { _ in } }
    #expect("\(try #require(error))".contains("filter 'jwt-auth' cannot be used: /nowhere cannot be read"))
  }

  @Test(
    "a configuration that JWTAuth does not know, or cannot take, is refused by the name of its member",
    arguments: [
      (#"{"secret":"/dev/null","isuer":"a"}"#, "filter_config has no member 'isuer', but "),
      (#"{"secret":"/dev/null","issuer":["a"]}"#, "filter_config has 'issuer', which is to be a string"),
      (#"{"secret":"/dev/null","audience":1}"#, "filter_config has 'audience', which is to be a string"),
      (#"{"secret":"/dev/null","leeway":"5"}"#, "filter_config has 'leeway', which is to be a whole number"),
      (#"{"secret":"/dev/null","leeway":0.5}"#, "filter_config has 'leeway', which is to be a whole number"),
      (#"{"secret":true}"#, "filter_config has 'secret', which is to be a string"),
      (#"{"secret":"/dev/null","jwks":"/dev/null"}"#, "filter_config has both 'secret' and 'jwks'"),
      (#"{"audience":"a"}"#, "filter_config has none of 'public_key', 'secret' and 'jwks'"),
      ("{}", "filter_config has none of 'public_key', 'secret' and 'jwks'"),
    ])
  func jwtAuthConfiguration(json: String, line: String) async throws {
    var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
    configuration.modules = [.init("JWTAuthModule", "jwt-auth", configurationJSON: json)]
    let error = await #expect(throws: (any Error).self) { try await withEnvoy(configuration) { _ in } }
    #expect("\(try #require(error))".contains("filter 'jwt-auth' cannot be used: \(line)"))
  }

  @Test("HelloApp greets, and EchoApp sends back what it is sent")
  func applications() async throws {
    var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
    configuration.modules = [.init("HelloApp", "hello")]
    configuration.modules[0].isTerminal = true
    try await withEnvoy(configuration) { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.text == "hello\n")
    }
    configuration.modules[0].name = "EchoApp"
    configuration.modules[0].filter = "echo"
    try await withEnvoy(configuration) { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).send(HTTPRequest("POST", body: "hello"))
      #expect(response.text == "hello")
      #expect(response.trailers["x-length"] == "5")
    }
  }

  @Test("FilesApp serves the files of a folder, in ranges and compressed, and none beside it")
  func files() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)")
    let root = folder.appending(path: "root")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in [("index.html", "home"), ("page.css", "plain"), ("page.css.gz", "zipped"), (".hidden", "x")] {
      try Data(text.utf8).write(to: root.appending(path: name))
    }
    try Data("secret".utf8).write(to: folder.appending(path: "secret"))
    try FileManager.default.createSymbolicLink(
      at: root.appending(path: "link"), withDestinationURL: folder.appending(path: "secret"))
    var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
    configuration.modules = [.init("FilesApp", "files", configuration: root.path)]
    configuration.modules[0].isTerminal = true
    try await withEnvoy(configuration) { envoy in
      let connection = try await HTTPConnection.connect(to: envoy.address)
      let home = try await connection.get("/")
      #expect(home.text == "home")
      let part = try await connection.get("/page.css", fields: ["range": "bytes=1-2"])
      #expect(part.status == 206)
      #expect(part.text == "la")
      #expect(part.fields["content-range"] == "bytes 1-2/5")
      let beyond = try await connection.get("/page.css", fields: ["range": "bytes=5-"])
      #expect(beyond.status == 416)
      let zipped = try await connection.get("/page.css", fields: ["accept-encoding": "br;q=0, gzip"])
      #expect(zipped.text == "zipped")
      #expect(zipped.fields["content-encoding"] == "gzip")
      let same = try await connection.get("/", fields: ["if-none-match": home.fields["etag"] ?? ""])
      #expect(same.status == 304)
      for (value, status) in [("bytes=0-9223372036854775807", 206), ("bytes=99999999999999999999-5", 200)] {
        let response = try await connection.get("/page.css", fields: ["range": value])
        #expect(response.status == status, "\(value)")
        #expect(response.text == "plain", "\(value)")
      }
      let known = try await connection.get("/", fields: ["if-modified-since": home.fields["last-modified"] ?? ""])
      #expect(known.status == 304)
      let refused = try await connection.send(HTTPRequest("DELETE", "/"))
      #expect(refused.status == 405)
      #expect(refused.fields["allow"] == "GET, HEAD")
      for path in ["/link", "/.hidden", "/../secret", "/%2e%2e/secret", "/nothing", "/page.css/x"] {
        let response = try await HTTPConnection.connect(to: envoy.address).get(path)
        #expect(response.status == 404, "\(path)")
      }
    }
  }
}
