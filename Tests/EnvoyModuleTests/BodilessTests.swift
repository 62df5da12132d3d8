// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import NIOCore
import Testing

/// Envoy sends what a filter gives it, so that a body where none may be is taken for the next response.
@Suite(
  "Responses without a body", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct BodilessTests {
  private static let ways = ["/answered", "/written", "/failed"]
  private static let cases = [("HEAD", 200), ("HEAD", 404), ("GET", 204), ("GET", 304)].flatMap { method, status in
    ways.map { (path: $0, method: method, status: status) }
  }

  @Test("on an HTTP/1 connection the next response follows its headers")
  func http1() async throws {
    try await withApplication("application") { envoy in
      for (path, method, status) in Self.cases {
        let connection = try await TCPConnection.connect(to: envoy.address)
        try await connection.send("\(method) \(path) HTTP/1.1\r\nhost: a\r\nx-status: \(status)\r\n\r\n")
        try await connection.send("GET /answered HTTP/1.1\r\nhost: a\r\nx-status: 201\r\n\r\n")
        var text = ""
        while !text.hasSuffix("a body"), let piece = try await connection.receive() { text += String(buffer: piece) }
        let messages = text.components(separatedBy: "\r\n\r\n")
        #expect(messages.count == 3, "\(method) \(path) \(status)")
        #expect(messages[0].hasPrefix("HTTP/1.1 \(status) "), "\(method) \(path) \(status)")
        #expect(messages.dropFirst().first?.hasPrefix("HTTP/1.1 201 ") == true, "\(method) \(path) \(status)")
        #expect(messages.last == "a body", "\(method) \(path) \(status)")
      }
    }
  }

  @Test("on an HTTP/2 connection its headers end it", .enabled(if: Curl.isAvailable, "needs curl"))
  func http2() async throws {
    try await withApplication("application") { envoy in
      for (path, method, status) in Self.cases {
        let options = ["-s", "--http2-prior-knowledge", "-o", "/dev/null", "-H", "x-status: \(status)"]
        let format = ["-w", "%{http_code} %{http_version} %{size_download}"] + (method == "HEAD" ? ["--head"] : [])
        let curl = try await Curl.run(options + format + ["http://\(envoy.address)\(path)"])
        #expect(curl.output == "\(status) 2 0", "\(method) \(path) \(status)")
        #expect(curl.status == 0, "\(method) \(path) \(status)")
      }
    }
  }

  @Test("the length of a response to HEAD is that of its GET; 204 and 304 have none")
  func length() async throws {
    try await withApplication("application") { envoy in
      for path in ["/answered", "/failed"] {
        let connection = try await HTTPConnection.connect(to: envoy.address)
        for method in ["GET", "HEAD"] {
          let response = try await connection.send(HTTPRequest(method, path, fields: ["x-status": "404"]))
          #expect(response.fields["content-length"] == "6", "\(method) \(path)")
        }
        let none = try await connection.get(path, fields: ["x-status": "204"])
        #expect(none.fields["content-length"] == nil, "\(path)")
        let unchanged = try await connection.get(path, fields: ["x-status": "304"])
        #expect(unchanged.fields["content-length"] == nil, "\(path)")
      }
    }
  }

  @Test("a status that no response can have is a mistake of the handler's, and 500")
  func illegalStatus() async throws {
    try await withApplication("application") { envoy in
      for status in [0, 99, 100, 101, 103, 199, 600, 999] {
        for path in Self.ways {
          let response = try await HTTPConnection.connect(to: envoy.address)
            .get(path, fields: ["x-status": "\(status)"])
          #expect(response.status == 500, "\(path) \(status)")
          try await until { envoy.log.contains("status \(status) is not between 200 and 599") }
        }
      }
    }
  }
}

/// A client of HTTP/2.
enum Curl {
  private static let executable = "/usr/bin/curl"
  static let isAvailable = FileManager.default.isExecutableFile(atPath: executable)

  /// Runs it; returns its exit code and what it printed.
  static func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = try ChildProcess(executable, arguments)
    return (await process.exitStatus, process.output)
  }
}
