// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Testing

@testable import EnvoyRun

@Suite("envoyrun's options")
struct OptionsTests {
  @Test(
    "a mount is a prefix and an application",
    arguments: [
      ("/api=hello", "/api hello"), ("/=a=b", "/ a=b"), ("/api//=hello", "/api hello"), ("//=a", "/ a"),
      ("api=hello", nil), ("/api", nil), ("/api=", nil),
    ])
  func mount(argument: String, expected: String?) {
    #expect(Mount(argument: argument).map { "\($0.prefix) \($0.application)" } == expected)
  }

  @Test(
    "an upstream is a host and a port",
    arguments: [
      ("127.0.0.1:80", "127.0.0.1 80"), ("[::1]:80", "::1 80"), ("host.example:65535", "host.example 65535"),
      ("host", nil), ("host:0", nil), ("host:65536", nil), (":80", nil),
    ])
  func hostPort(argument: String, expected: String?) {
    #expect(HostPort(argument: argument).map { "\($0.host) \($0.port)" } == expected)
  }

  @Test(
    "compressions are known, and each is named once",
    arguments: [
      ("gzip", ["gzip"]), ("zstd,br,gzip", ["zstd", "br", "gzip"]), ("gzip,gzip", nil), ("lzma", nil), ("", nil),
    ])
  func compressions(argument: String, expected: [String]?) {
    #expect(CompressionList(argument: argument)?.names == expected)
  }

  @Test(
    "options that do not go together are refused, and the message says what to give",
    arguments: [
      (["--cert", "c.pem"], "--cert and --key together"), (["--http3"], "give --tls-port too"),
      (["--ca", "ca.pem"], "give --tls-port too"), (["--workers", "0"], "give at least 1"),
      (["--tls-port", "1", "--print-envoy-config"], "give --cert and --key to print TLS"),
      (["--mount", "/=hello", "--filter", "hello"], "leave --filter and --filter-config out"),
    ])
  func conflicts(arguments: [String], message: String) {
    let error = #expect(throws: (any Error).self) { try EnvoyRun.parse(["Module"] + arguments) }
    #expect(error.map { EnvoyRun.message(for: $0).contains(message) } == true)
  }
}
