// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import NIOCore
import Testing

@Suite(
  "Applications within Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(3)))
struct ApplicationTests {
  private static let long = String(repeating: "0123456789abcdef", count: 100_000)

  @Test("a request is what was sent, and a response what is answered")
  func request() async throws {
    try await withApplication("application") { envoy in
      let connection = try await HTTPConnection.connect(to: envoy.address)
      let response = try await connection.get("/described", fields: ["x-a": "1", "X-B": "2"])
      #expect(response.status == 201)
      #expect(response.text.hasPrefix(#"GET http test.example ["x-a=1", "x-b=2""#))
      #expect(response.fields["content-length"] == "\(response.body.readableBytes)")
    }
  }

  @Test("a body goes back as it came, with trailers", arguments: ["/", "/slowly"])
  func echo(path: String) async throws {
    try await withApplication("application") { envoy in
      for body in ["", "hello", Self.long] {
        let request = HTTPRequest("POST", path, body: body, trailers: ["x-trailer": "1"])
        // Envoy closes an HTTP/1 connection whose response began before its request had ended.
        let response = try await HTTPConnection.connect(to: envoy.address).send(request)
        #expect(response.text == body)
        #expect(response.trailers["x-trailer"] == "1")
      }
    }
  }

  @Test("a whole body, and a response of 16 MiB")
  func large() async throws {
    try await withApplication("application") { envoy in
      let connection = try await HTTPConnection.connect(to: envoy.address)
      let request = HTTPRequest("POST", "/collect", body: String(Self.long.prefix(1 << 20)))
      let collected = try await connection.send(request)
      #expect(collected.text == "1048576")
      let tooLong = try await connection.send(HTTPRequest("POST", "/collect", body: Self.long))
      #expect(tooLong.status == 413)
      let big = try await HTTPConnection.connect(to: envoy.address).get("/big")
      #expect(big.body.readableBytes == 16 << 20)
    }
  }

  @Test(
    "what a handler does wrong is an answer",
    arguments: [
      ("/throw", 500, ""), ("/silent", 500, ""), ("/teapot", 418, "short and stout"), ("/unended", 200, "all there is"),
    ])
  func failures(path: String, status: Int, text: String) async throws {
    try await withApplication("application") { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get(path)
      #expect(response.status == status)
      #expect(response.text == text)
    }
  }

  @Test("a response that breaks off closes the connection, and the next request is answered")
  func breaking() async throws {
    try await withApplication("application") { envoy in
      let connection = try await TCPConnection.connect(to: envoy.address)
      try await connection.send("GET /break HTTP/1.1\r\nhost: a\r\n\r\n")
      let text = try await connection.receiveAll()
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      // And not its last chunk, which would be "0".
      #expect(text.hasSuffix("\r\n\r\n5\r\nbegun\r\n"))
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.status == 200)
    }
  }

  @Test("a body over the limit is refused, and so is a request that takes too long")
  func limits() async throws {
    try await withApplication("limited application") { envoy in
      for isChunked in [true, false] {
        let request = HTTPRequest("POST", "/collect", body: "longer than that", isChunked: isChunked)
        let response = try await HTTPConnection.connect(to: envoy.address).send(request)
        #expect(response.status == 413)
      }
      let late = try await HTTPConnection.connect(to: envoy.address).get("/sleep")
      #expect(late.status == 504)
    }
  }

  @Test("an application that does not start answers 503")
  func unstarted() async throws {
    try await withApplication("application that does not start") { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.status == 503)
    }
  }

  @Test("a reader that is cancelled stops to wait, and the client is answered")
  func cancelledReader() async throws {
    try await withApplication("application") { envoy in
      let connection = try await TCPConnection.connect(to: envoy.address)
      try await connection.send(
        "POST /impatient HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\n")
      let text = try await connection.receiveAll()
      #expect(text.hasSuffix("\r\n\r\ngave up"))
    }
  }

  @Test("of two readers at once each gets a piece, or the end")
  func twoReaders() async throws {
    try await withApplication("application") { envoy in
      let connection = try await TCPConnection.connect(to: envoy.address)
      try await connection.send(
        "POST /two-readers HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\n")
      // Both wait by now, as Envoy gives headers and body in two turns.
      try await until { try await envoy.statistic("http.test.downstream_rq_active") == 1 }
      try await connection.send("hello")
      let text = try await connection.receiveAll()
      #expect(text.hasSuffix("\r\n\r\n5 end"))
    }
  }
}

/// Runs an application of the trial module within an Envoy.
func withApplication(
  _ name: String, configuration json: String = "{}", routes: [String] = [],
  _ body: (EnvoyProcess) async throws -> Void
) async throws {
  var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
  configuration.modules = [.trial(name, configurationJSON: json)]
  configuration.modules[0].isTerminal = true
  configuration.routesJSON = routes
  try await withEnvoy(configuration, body)
}
