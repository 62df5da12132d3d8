// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite("curl and our server", .enabled(if: Tool.curl != nil, "\(Tool.curlHint)"), .timeLimit(.minutes(1)))
struct CurlTests {
  @Test("a GET over HTTP/2 is answered 405", arguments: [Wire.plaintext, .tls])
  func get(wire: Wire) async throws {
    #expect(try await curl(wire, ["/"]) == "405 2")
  }

  @Test("a POST that is no gRPC is answered 415")
  func post() async throws {
    // Without a body: curl up to 7.88 takes the NO_ERROR for it (RFC 9113 §8.1) for a failure when it is early.
    #expect(try await curl(.plaintext, ["-X", "POST", "-H", "content-type: application/json", "/"]) == "415 2")
  }

  @Test("a client of HTTP/1.1 alone gets no TLS connection")
  func http1() async throws {
    #expect(try await curl(.tls, ["--http1.1", "/"]) == "000 0")
  }

  /// Asks our server; the last argument is a path. Returns the status and the version of HTTP.
  private func curl(_ wire: Wire, _ arguments: [String]) async throws -> String {
    let curl = try #require(Tool.curl)
    return try await InteropServer.run(wire) { server in
      let protocols = server.certificate.map { ["--http2", "--cacert", $0] } ?? ["--http2-prior-knowledge"]
      let output = ["-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]
      return try await Tool.run(curl, output + protocols + arguments.dropLast() + [server.url + arguments.last!]).output
    }
  }
}
