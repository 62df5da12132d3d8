// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Whole bodies", .timeLimit(.minutes(1)))
struct WholeBodyTests {
  /// Makes bodies that are whole into capitals.
  private func harness(
    _ mode: BodySendMode?, _ handling: BodyHandling = .whole(), body: Given.Body? = nil,
    policy: CalloutServer.FailurePolicy = .failStream
  ) async throws -> CalloutHarness {
    let server = Given(
      { (configuration: inout CalloutServer.Configuration) in
        configuration.messageTimeout = .seconds(60)
        configuration.requestBody = handling
        configuration.responseBody = handling
        configuration.failurePolicy[.requestBody] = policy
      }, body: body ?? { body, _ in .replace(body.string.uppercased()) },
      trailers: { _, _ in .mutate(set: ["seen": "1"]) })
    let harness = CalloutHarness(server)
    var headers = ProcessingRequestMessage.requestHeaders([":path": "/"])
    if let mode { headers = headers.withBodyModes(request: mode, response: mode) }
    #expect(try await harness.send(headers).count == 1)
    return harness
  }

  @Test("pieces of a full-duplex body are taken without an answer, and go back whole at its end")
  func duplex() async throws {
    let harness = try await harness(.fullDuplexStreamed)
    for piece in ["a", "", "b"] { #expect(try await harness.send(.requestBody(piece)).isEmpty) }
    #expect(try await harness.send(.requestBody("c", endOfStream: true)).map(\.streamed) == ["ABC."])
  }

  @Test("a full-duplex body goes back without an end when trailers follow, and before them")
  func duplexTrailers() async throws {
    let harness = try await harness(.fullDuplexStreamed)
    _ = try await harness.send(.requestBody("ab"))
    let replies = try await harness.send(.requestTrailers(["t": "1"]))
    #expect(replies.first?.streamed == "AB")
    #expect(replies.last?.requestTrailers.headerMutation.setHeaders.first?.header.key == "seen")
    #expect(replies.count == 2)
  }

  @Test(
    "each streamed piece has one answer, that of the last piece has the body", arguments: [BodySendMode.streamed, nil])
  func streamed(mode: BodySendMode?) async throws {
    let harness = try await harness(mode)
    var answers: [String?] = []
    for (piece, isLast) in [("a", false), ("b", false), ("c", true)] {
      answers += try await harness.send(.requestBody(piece, endOfStream: isLast)).map(\.plainBody)
    }
    #expect(answers == ["", "", "ABC"])
  }

  @Test("a streamed body that ends in trailers goes back in place of its last piece")
  func streamedTrailers() async throws {
    let harness = try await harness(.streamed)
    #expect(try await harness.send(.requestBody("a")).isEmpty)
    #expect(try await harness.send(.requestBody("b")).map(\.plainBody) == [""])
    let replies = try await harness.send(.requestTrailers([:]))
    #expect(replies.map(\.plainBody) == ["AB", nil])
    #expect(replies.last?.requestTrailers.hasHeaderMutation == true)
  }

  @Test("a piece is not held for longer than the proxy waits: then the failure policy applies, and nothing is lost")
  func longPause() async throws {
    for policy in [CalloutServer.FailurePolicy.failStream, .passThrough] {
      let server = Given({ (configuration: inout CalloutServer.Configuration) in
        configuration.messageTimeout = .milliseconds(2)
        configuration.failurePolicy[.requestBody] = policy
        configuration.requestBody = .whole()
      })
      try await withRunningServer(server) { server in
        let stream = try await server.client().stream()
        _ = try await stream.reply(to: .requestHeaders([:]).withBodyModes(request: .streamed))
        try await stream.send(.requestBody("a"))
        guard case .passThrough = policy else {
          return #expect(await stream.status.message.contains("ended in trailers"))
        }
        #expect(try await stream.next()?.plainBody == "a")
        #expect(try await stream.reply(to: .requestBody("b", endOfStream: true)) == .with { $0.requestBody = .init() })
      }
    }
  }

  @Test("a body that a callout lets pass goes back as it came, for its pieces were taken")
  func passes() async throws {
    for mode in [BodySendMode.streamed, .fullDuplexStreamed] {
      let harness = try await harness(mode, body: { _, _ in .continue })
      _ = try await harness.send(.requestBody("a"))
      let last = try await harness.send(.requestBody("b", endOfStream: true)).last
      #expect(mode == .streamed ? last?.plainBody == "ab" : last?.streamed == "ab.")
    }
  }

  @Test("a body whose hook fails goes back as it came where the policy lets it pass")
  func failurePasses() async throws {
    let harness = try await harness(
      .streamed, body: { _, _ in throw CancellationError() }, policy: .passThrough)
    _ = try await harness.send(.requestBody("a"))
    #expect(try await harness.send(.requestBody("b", endOfStream: true)).map(\.plainBody) == ["", "ab"])
  }

  @Test("a body that comes whole is asked about as it comes", arguments: [BodySendMode.buffered, .bufferedPartial])
  func buffered(mode: BodySendMode) async throws {
    let harness = try await harness(mode)
    #expect(try await harness.reply(to: .requestBody("ab")).plainBody == "AB")
    #expect(try await harness.send(.requestTrailers([:])).count == 1)
  }

  @Test("in the GRPC mode each message is a whole")
  func grpc() async throws {
    let harness = try await harness(.grpc)
    #expect(try await harness.send(.requestBody("a")).map(\.streamed) == ["A"])
    #expect(try await harness.send(.requestBody("b", endOfStream: true)).map(\.streamed) == ["B."])
  }

  @Test("an empty body is asked about once", arguments: [BodySendMode.streamed, .fullDuplexStreamed])
  func empty(mode: BodySendMode) async throws {
    let harness = try await harness(mode, body: { _, _ in .replace("new") })
    let reply = try await harness.reply(to: .requestBody("", endOfStream: true))
    #expect(mode == .streamed ? reply.plainBody == "new" : reply.streamed == "new.")
  }

  @Test("the two directions are collected apart")
  func directions() async throws {
    let harness = try await harness(.fullDuplexStreamed)
    _ = try await harness.send(.requestBody("a"))
    _ = try await harness.send(.responseHeaders([":status": "200"]))
    #expect(try await harness.send(.responseBody("x")).isEmpty)
    let request = try await harness.reply(to: .requestBody("b", endOfStream: true))
    #expect(request.streamed == "AB.")
    let response = try await harness.reply(to: .responseBody("y", endOfStream: true))
    #expect(response.responseBody.response.bodyMutation.streamedResponse.body == .init("XY".utf8))
  }

  @Test(
    "a body over the limit is refused, one of just that length is not",
    arguments: [BodySendMode.streamed, .fullDuplexStreamed, .buffered])
  func limit(mode: BodySendMode) async throws {
    for delivery in [BodyHandling.whole(upTo: 4), .chunks(upTo: 4)] {
      let within = try await harness(mode, delivery)
      let reply = try await within.send(.requestBody("abcd", endOfStream: true)).last
      #expect(reply?.immediateResponse.hasStatus == false)
      let over = try await harness(mode, delivery)
      if mode != .buffered { _ = try await over.send(.requestBody("ab")) }
      let piece = mode == .buffered ? "abcde" : "cde"
      let refusal = try #require(try await over.send(.requestBody(piece, endOfStream: true)).last)
      #expect(refusal.immediateResponse.status.code.rawValue == 413)
      #expect(refusal.immediateResponse.details == "request_body_over_limit_of_callout")
      // What crosses it is not asked about.
      #expect(try await over.send(.requestTrailers([:])).isEmpty)
    }
  }

  @Test("a response's body over the limit is a bad gateway")
  func responseLimit() async throws {
    let harness = try await harness(.streamed, .whole(upTo: 4))
    _ = try await harness.send(.responseHeaders([":status": "200"]))
    let replies = try await harness.send(.responseBody("abcde", endOfStream: true))
    #expect(replies.map(\.immediateResponse.status.code.rawValue) == [502])
  }

  @Test("a body over the limit passes whole and unasked where the configuration says so")
  func limitPasses() async throws {
    let streamed = try await harness(.streamed, .whole(upTo: 3, overLimit: .passThrough))
    var answers: [ProcessingResponseMessage] = []
    for piece in ["ab", "cd", "e"] {
      answers += try await streamed.send(.requestBody(piece, endOfStream: piece == "e"))
    }
    #expect(answers.map(\.plainBody) == ["", "abcd", nil])
    #expect(answers.last == .with { $0.requestBody = .init() })

    let duplex = try await harness(.fullDuplexStreamed, .whole(upTo: 3, overLimit: .passThrough))
    var pieces: [String] = []
    for piece in ["ab", "cd", "e"] {
      pieces += try await duplex.send(.requestBody(piece, endOfStream: piece == "e")).map(\.streamed)
    }
    #expect(pieces == ["abcd", "e."])
  }

  @Test("an observed body is collected and asked about, and nothing is answered")
  func observed() async throws {
    let asked = Log()
    let harness = try await harness(
      nil,
      body: { body, _ in
        asked.note(body.string)
        return .continue
      })
    for (piece, isLast) in [("a", false), ("b", true)] {
      #expect(try await harness.send(.requestBody(piece, endOfStream: isLast).inObservabilityMode()).isEmpty)
    }
    #expect(asked.lines == ["ab"])
  }
}
