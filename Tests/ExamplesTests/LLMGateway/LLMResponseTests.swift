// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Logging
import NIOCore
import Testing

@testable import LLMGateway

// The cases of the reference's test suite about responses, and what it does not try.

@Suite("LLMGateway: responses")
struct LLMResponseTests {
  private static let vertexAnswer =
    #"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello!"}]},"finishReason":"STOP"}]}"#
  private static let helloEvent = #"data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}"#

  /// A stream whose request has been sent.
  private func asked(_ model: String, streaming: Bool = false) async throws -> CalloutHarness {
    let harness = CalloutHarness(Gateway.make())
    _ = try await harness.post(Gateway.chat(model, #""stream":\#(streaming),"messages":[]"#))
    return harness
  }

  /// The same whose response has begun.
  private func answered(
    _ model: String, streaming: Bool = false, _ headers: KeyValuePairs<String, String> = [":status": "200"]
  ) async throws -> CalloutHarness {
    let harness = try await asked(model, streaming: streaming)
    _ = try await harness.reply(to: .responseHeaders(headers))
    return harness
  }

  // MARK: Headers

  @Test(
    "an answer to be translated loses its length, and comes whole or streamed as it is asked for",
    arguments: ["vertex_ai/x", "anthropic/x"], [false, true])
  func headers(model: String, streaming: Bool) async throws {
    let reply = try await asked(model, streaming: streaming).reply(to: .responseHeaders([":status": "200"]))
    #expect(reply.responseHeaders.response.headerMutation.removeHeaders == ["content-length"])
    #expect(reply.modeOverride.responseBodyMode == (streaming ? .streamed : .buffered))
  }

  @Test("a provider may answer with a whole although it was asked for a stream")
  func wholeForStream() async throws {
    let headers: KeyValuePairs = [":status": "200", "content-type": "application/json; charset=UTF-8"]
    let harness = try await asked("vertex_ai/x", streaming: true)
    #expect(try await harness.reply(to: .responseHeaders(headers)).modeOverride.responseBodyMode == .buffered)
    let answer = try #require(try await harness.receive(Self.vertexAnswer, endOfStream: true))
    #expect(answer.contains(#""object":"chat.completion""#))
  }

  @Test(
    "what is not translated passes as it came, and its body is not asked for",
    arguments: [
      ("openai/x", [":status": "200"]), ("groq/x", [":status": "200"]), ("anthropic/x", [":status": "429"]),
      ("vertex_ai/x", [":status": "503"]), ("vertex_ai/x", [":status": "200", "content-encoding": "gzip"]),
    ] as [(String, KeyValuePairs<String, String>)])
  func passing(model: String, headers: KeyValuePairs<String, String>) async throws {
    for streaming in [false, true] {
      let harness = try await asked(model, streaming: streaming)
      let reply = try await harness.reply(to: .responseHeaders(headers))
      #expect(!reply.responseHeaders.hasResponse)
      #expect(reply.hasModeOverride && reply.modeOverride.responseBodyMode == BodySendMode.none)
      // A filter that sends it all the same.
      for piece in ["data: ", "{}\n\n", #"{"error":{}}"#] { #expect(try await harness.receive(piece) == nil) }
      #expect(try await harness.receive("", endOfStream: true) == nil)
    }
  }

  @Test("it is logged where Envoy goes on without sending the request's body")
  func notAsked() async throws {
    for (endOfStream, count) in [(false, 1), (true, 0)] {
      let log = LogRecorder()
      let harness = CalloutHarness(Gateway.make(), logger: log.logger)
      _ = try await harness.reply(to: .requestHeaders([":path": "/v1/embeddings"], endOfStream: endOfStream))
      let reply = try await harness.reply(to: .responseHeaders([":status": "200", "content-length": "1"]))
      #expect(!reply.responseHeaders.hasResponse && !reply.hasModeOverride)
      #expect(log.entries(atLeast: .warning).count == count)
    }
  }

  // MARK: Wholes

  @Test("pieces of a whole are collected, and the last answered with a completion")
  func pieces() async throws {
    let harness = try await answered("vertex_ai/gemini-2.5-flash")
    #expect(try await harness.receive(String(Self.vertexAnswer.prefix(30))) == "")
    let text = try await harness.receive(String(Self.vertexAnswer.dropFirst(30)), endOfStream: true)
    let completion = try JSONValue(parsing: try #require(text))
    #expect(completion["object"] == "chat.completion" && completion["model"] == "gemini-2.5-flash")
    #expect(completion["choices"]?[0]?["message"] == ["role": "assistant", "content": "Hello!"])
  }

  @Test("a whole that trailers follow is translated when it is complete")
  func trailers() async throws {
    let harness = try await answered("vertex_ai/x")
    #expect(try await harness.receive(Self.vertexAnswer + "\n")?.contains("Hello!") == true)
    #expect(try await harness.receive("", endOfStream: true) == nil)
  }

  @Test(
    "what is no answer of the provider's goes to the client as it came, whole",
    arguments: [["abc", "def"], ["{\"a\":", "1}"], ["{", "}"], [#"{"candidates":7}"#, ""], ["[1", ",2]"]])
  func foreign(pieces: [String]) async throws {
    for model in ["vertex_ai/x", "anthropic/x"] {
      let harness = try await answered(model)
      #expect(try await harness.receive(pieces[0]) == "")
      #expect(try await harness.receive(pieces[1], endOfStream: true) == pieces.joined())
    }
  }

  @Test("a whole over the limit passes as it came, with what was collected of it")
  func limit() throws {
    var answer = WholeAnswer(VertexDialect(model: "x", wantsUsage: false), upTo: 10)
    let replies = try ["01234", "56789", "abc", "def"].map { try answer.receive(.piece($0)).map { String(buffer: $0) } }
    #expect(replies == ["", "", "0123456789abc", nil])
  }

  // MARK: Streams

  @Test("a stream of events ends with [DONE], after an event without an end too", arguments: ["\n\n", "\n", ""])
  func done(end: String) async throws {
    let harness = try await answered("vertex_ai/x", streaming: true)
    #expect(try await harness.receive(Self.helloEvent) == "")
    let output = try #require(try await harness.receive(end, endOfStream: true))
    #expect(output.contains(#""delta":{"content":"Hel"}"#))
    #expect(output.hasSuffix("\n\ndata: [DONE]\n\n"))
    #expect(try await harness.receive(Self.helloEvent + "\n\n") == "")
  }

  @Test("comments, the provider's own [DONE] and what is no JSON are left out")
  func skipped() async throws {
    let harness = try await answered("vertex_ai/x", streaming: true)
    for piece in [": ping\r\n\r\n", "data: [DONE]\n\n", "data: not json\n\n", "event: x\ndata:\n\n"] {
      #expect(try await harness.receive(piece) == "")
    }
    #expect(try await harness.receive("", endOfStream: true) == "data: [DONE]\n\n")
  }

  @Test("an event that is too long ends the stream with an error")
  func tooLong() throws {
    var answer = AnswerEvents(VertexDialect(model: "x", wantsUsage: false), upTo: 100)
    #expect(try answer.receive(.piece(Self.helloEvent + "\n\n")).readableBytes > 0)
    let output = try String(buffer: answer.receive(.piece("data: " + String(repeating: "x", count: 200))))
    #expect(try receivedEvents(in: output).count == 2)
    #expect(output.contains(#""error":{"message":"the provider sent an event that is too long""#))
    #expect(output.hasSuffix("data: [DONE]\n\n"))
    #expect(try answer.receive(.piece(Self.helloEvent + "\n\n")).readableBytes == 0)
  }
}

extension HTTPBody {
  /// A piece of a body that is not the last.
  fileprivate static func piece(_ text: String) throws -> HTTPBody {
    try ProcessingRequest(serialized: ProcessingRequestMessage.responseBody(text).serialized()).body()
  }
}
