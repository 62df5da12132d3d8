// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import Testing

@Suite(
  "Bodies and pace of callouts within Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(3)))
struct PaceTests {
  private static let long = String(repeating: "0123456789abcdef", count: 1 << 16)

  /// Runs trials, one after the other, within an Envoy before an upstream.
  private func withTrials(
    _ names: String..., upstream: @escaping HTTPUpstream.Responder = HTTPUpstream.echo,
    _ body: (EnvoyProcess) async throws -> Void
  ) async throws {
    try await withHTTPUpstream(upstream) { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = names.map { .trial($0) }
      try await withEnvoy(configuration, body)
    }
  }

  private static let bodyBack: HTTPUpstream.Responder = { HTTPResponse(body: String(buffer: $0.body)) }

  @Test(
    "a callout that handles a stream gets each byte once behind one that held it",
    arguments: [
      ("pieces, waiting", "upper-case stream", ".."), ("whole that passes, waiting", "upper-case stream", ""),
      ("whole that passes, waiting", "stream, waiting", "."),
    ], [5, 1 << 20])
  func chain(trials: (first: String, second: String, end: String), length: Int) async throws {
    try await withTrials(trials.first, trials.second, upstream: Self.bodyBack) { envoy in
      let body = String(Self.long.prefix(length))
      let response = try await HTTPConnection.connect(to: envoy.address).send(HTTPRequest("POST", body: body))
      #expect(response.text == body.uppercased() + trials.end)
    }
  }

  @Test("nothing passes a callout that writes before it reads")
  func prefix() async throws {
    try await withTrials("stream with a prefix", upstream: Self.bodyBack) { envoy in
      let body = String(repeating: Self.long, count: 8)
      let response = try await HTTPConnection.connect(to: envoy.address).send(HTTPRequest("POST", body: body))
      #expect(response.text == "prefix " + body.uppercased())
    }
  }

  @Test("a whole body above Envoy's own limit arrives while the headers' hook waits")
  func wholeBody() async throws {
    try await withTrials("whole, after a long wait") { envoy in
      let request = HTTPRequest("POST", body: String(repeating: Self.long, count: 6))
      let response = try await HTTPConnection.connect(to: envoy.address).send(request)
      #expect(response.text == "\(6 << 20)")
    }
  }

  @Test("headers go on as soon as a stream's hook has answered them")
  func headersFirst() async throws {
    let (seen, sees) = AsyncStream<Void>.makeStream()
    try await withRawUpstream { connection, iterator in
      _ = try await connection.read(to: "\r\n\r\n", &iterator)
      try await connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
      for await _ in seen { break }
      try await connection.write("5\r\nhello\r\n0\r\n\r\n")
    } _: { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream)
      configuration.modules = [.trial("response stream")]
      try await withEnvoy(configuration) { envoy in
        try await withRawConnection(to: envoy.address) { client, iterator in
          try await client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
          #expect(try await client.read(to: "\r\n\r\n", &iterator).hasPrefix("HTTP/1.1 200"))
          sees.yield()
          #expect(try await client.read(to: "\r\n0\r\n\r\n", &iterator).contains("HELLO"))
        }
      }
    }
  }

  @Test("a streamed answer may take longer than the message timeout, which is the hook's")
  func slowAnswer() async throws {
    try await withTrials("slow streamed answer") { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.text == "abcd")
    }
  }

  @Test("a streamed answer is written at the client's pace")
  func slowReader() async throws {
    try await withTrials("endless streamed answer") { envoy in
      try await withRawConnection(to: envoy.address) { client, iterator in
        try await client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        _ = try await client.read(to: "\r\n\r\n", &iterator)
        let other = try await HTTPConnection.connect(to: envoy.address)
        var written = 0
        // What is unread lies in Envoy's buffers and the sockets', and so is far from all of it.
        for _ in 0..<200 { written = try #require(Int(try await other.get("/written").text)) }
        #expect(1..<128 ~= written)
      }
    }
  }

  @Test(
    "HEAD gets the headers of what a callout answers, and no body", arguments: ["streamed answer", "replaced body"])
  func head(trial: String) async throws {
    try await withTrials(trial) { envoy in
      try await withRawConnection(to: envoy.address) { client, iterator in
        try await client.write("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
        let head = try await client.read(to: "\r\n\r\n", &iterator)
        #expect(head.hasSuffix("\r\n\r\n"))
        try await client.write("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(try await client.read(to: "\r\n\r\n", &iterator).hasPrefix("HTTP/1.1 20"))
      }
    }
  }

  @Test("what waits for a hook that was given up, and does not end, is answered with 504")
  func givenUp() async throws {
    try await withTrials("late, and never ending") { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.status == 504)
    }
  }

  @Test(
    "each exchange ends once, and leaves nothing behind, also where clients break off",
    arguments: ["counting its exchanges", "counting its exchanges, on the thread pool"])
  func endings(trial: String) async throws {
    try await withTrials(trial) { envoy in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for client in 0..<8 {
          group.addTask {
            for index in 0..<60 {
              let connection = try await HTTPConnection.connect(to: envoy.address)
              let request = HTTPRequest("POST", body: "hello", isChunked: true)
              let response = Task { try await connection.send(request) }
              // Every other client breaks off, sooner or later.
              if (client + index).isMultiple(of: 2) {
                try await Task.sleep(for: .milliseconds(index % 8))
                await connection.close()
              }
              _ = await response.result
              await connection.close()
            }
          }
        }
        try await group.waitForAll()
      }
      let connection = try await HTTPConnection.connect(to: envoy.address)
      var counts: [Substring] = []
      try await until {
        counts = try await connection.get("/count").text.split(separator: " ")
        return counts[0] == counts[1] && counts[2] == "0"
      }
      #expect(Int(counts[0]) ?? 0 >= 240)
      // Whatever would end one a second time has had time to.
      #expect(try await connection.get("/count").text == counts.joined(separator: " "))
    }
  }
}
