// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import LLMGateway

@Suite(
  "LLMGateway behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct LLMGatewayEnvoyTests {
  /// What the provider got.
  private final class Provider: Sendable {
    private let requests = NIOLockedValueBox<[HTTPRequest]>([])
    var last: HTTPRequest? { requests.withLockedValue { $0.last } }

    /// Answers as the provider whose path it is.
    func respond(_ request: HTTPRequest) -> HTTPResponse {
      requests.withLockedValue { $0.append(request) }
      let body = (try? JSONValue(parsing: request.body.readableBytesView)) ?? [:]
      switch request.path {
      case "/v1/messages" where body["messages"] == []:
        return HTTPResponse(status: 400, fields: ["content-type": "application/json"], body: #"{"type":"error"}"#)
      case "/v1/messages" where body["stream"] == true:
        return HTTPResponse(fields: ["content-type": "text/event-stream"], body: Self.anthropicStream)
      case "/v1/messages": return HTTPResponse(fields: ["content-type": "application/json"], body: Self.anthropicAnswer)
      case "/v1/chat/completions" where body["stream"] == true:
        return HTTPResponse(fields: ["content-type": "text/event-stream"], body: Self.openAIStream)
      case "/v1/chat/completions": return HTTPResponse(body: Self.openAIAnswer)
      case _ where request.path.hasSuffix(":streamGenerateContent?alt=sse"):
        return HTTPResponse(fields: ["content-type": "text/event-stream"], body: Self.vertexStream)
      case _ where request.path.hasSuffix(":generateContent"):
        return HTTPResponse(fields: ["content-type": "application/json"], body: Self.vertexAnswer)
      default: return HTTPUpstream.echo(request)
      }
    }

    static let anthropicAnswer =
      #"{"id":"msg_1","type":"message","model":"claude-y","content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#
    /// Longer than what Envoy reads at once.
    static let anthropicStream: String = {
      let words = (0..<5_000).map {
        #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ö\#($0) "}}"#
      }
      let start = #"{"type":"message_start","message":{"id":"msg_1","model":"claude-y"}}"#
      let end = [#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#, #"{"type":"message_stop"}"#]
      return ([start] + words + end).map { "event: e\r\ndata: \($0)\r\n\r\n" }.joined()
    }()
    static let vertexAnswer =
      #"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello!"}]},"finishReason":"STOP"}]}"#
    static let vertexStream = "data: \(vertexAnswer)\r\n\r\n"
    static let openAIAnswer = #"{ "id": "x", "n": 1.50 }"#
    static let openAIStream =
      ": as it is\n\n" + String(repeating: "data: {\"x\":  1}\r\n\r\n", count: 20_000) + "data: [DONE]"
  }

  /// Runs the gateway, an Envoy and a provider, the body modes being those that the filter has by itself.
  private func withGateway(
    _ mode: BodySendMode = .none, _ body: (HTTPConnection, Provider, EnvoyProcess) async throws -> Void
  ) async throws {
    let provider = Provider()
    try await withHTTPUpstream({ provider.respond($0) }) { upstream in
      try await withRunningServer(Gateway.make()) { server in
        var callout = EnvoyConfiguration.Callout(server.addresses.plaintext!) {
          ($0.requestBodyMode, $0.responseBodyMode) = (mode, mode)
        }
        callout.allowModeOverride = true
        callout.allowAllRouting = true
        try await withEnvoy(EnvoyConfiguration(upstream: upstream.address, callouts: [callout])) { envoy in
          let connection = try await HTTPConnection.connect(to: envoy.address)
          try await body(connection, provider, envoy)
          await connection.close()
        }
      }
    }
  }

  private func chat(_ model: String, _ members: String = "", isChunked: Bool = false) -> HTTPRequest {
    HTTPRequest(
      "POST", "/v1/chat/completions?x=y",
      fields: ["authorization": "Bearer client", "content-type": "text/plain", "accept-encoding": "gzip"],
      body: Gateway.chat(model, #""messages":[{"role":"user","content":"Grüß dich"}]\#(members)"#), isChunked: isChunked
    )
  }

  @Test(
    "Anthropic gets its own form, and the client OpenAI's, whatever bodies the filter sends by itself",
    arguments: [BodySendMode.none, .buffered, .streamed])
  func anthropic(mode: BodySendMode) async throws {
    try await withGateway(mode) { connection, provider, envoy in
      for isChunked in [false, true] {
        let response = try await connection.send(chat("anthropic/claude-x", isChunked: isChunked))
        #expect(response.status == 200, "\(envoy.log)")
        let request = try #require(provider.last)
        #expect(request.method == "POST" && request.path == "/v1/messages")
        #expect(request.fields.values(of: "host") == ["api.anthropic.com"])
        #expect(request.fields["x-api-key"] == "sk-ant-test" && request.fields["authorization"] == nil)
        #expect(request.fields["anthropic-version"] == "2023-06-01")
        #expect(request.fields["content-type"] == "application/json")
        #expect(request.fields["accept-encoding"] == "identity")
        #expect(request.fields["user-agent"] == "litellm-gateway/1.0")
        #expect(request.fields["x-litellm-routed"] == "true" && request.fields["x-litellm-streaming"] == "false")
        #expect(request.fields["content-length"] == "\(request.body.readableBytes)" && !request.isChunked)
        #expect(
          String(buffer: request.body)
            == #"{"model":"claude-x","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"Grüß dich"}]}]}"#
        )
        let completion = try JSONValue(parsing: response.body.readableBytesView)
        #expect(completion["object"] == "chat.completion")
        #expect(completion["choices"]?[0]?["message"]?["content"] == "Hello!")
        #expect(completion["usage"]?["total_tokens"]?.int == 3)
      }
    }
  }

  @Test("Anthropic's stream reaches the client as OpenAI's", arguments: [BodySendMode.none, .buffered])
  func anthropicStream(mode: BodySendMode) async throws {
    try await withGateway(mode) { connection, provider, envoy in
      let response = try await connection.send(chat("anthropic/claude-x", #","stream":true"#))
      #expect(response.status == 200 && response.fields["content-length"] == nil, "\(envoy.log)")
      #expect(provider.last?.fields["x-litellm-streaming"] == "true")
      let events = try receivedEvents(in: response.text)
      #expect(events.count == 5_003 && events.last == "[DONE]")
      let text = events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined()
      #expect(text == (0..<5_000).map { "ö\($0) " }.joined())
      #expect(events.dropLast().last?["choices"]?[0]?["finish_reason"] == "stop")
    }
  }

  @Test("Vertex AI gets its own form, and the client OpenAI's")
  func vertex() async throws {
    try await withGateway { connection, provider, envoy in
      let model = "/v1/projects/test-project/locations/us-central1/publishers/google/models/gemini-2.5-flash"
      let whole = try await connection.send(chat("vertex_ai/gemini-2.5-flash"))
      #expect(whole.status == 200 && provider.last?.path == model + ":generateContent", "\(envoy.log)")
      #expect(provider.last?.fields.values(of: "host") == ["us-central1-aiplatform.googleapis.com"])
      #expect(provider.last?.fields.values(of: "authorization") == ["Bearer fake-adc-token"])
      #expect(
        provider.last.map { String(buffer: $0.body) }
          == #"{"contents":[{"role":"user","parts":[{"text":"Grüß dich"}]}]}"#)
      let completion = try JSONValue(parsing: whole.body.readableBytesView)
      #expect(completion["choices"]?[0]?["message"]?["content"] == "Hello!")
      let stream = try await connection.send(
        chat("vertex_ai/gemini-2.5-flash", #","stream":true,"stream_options":{"include_usage":true}"#))
      #expect(provider.last?.path == model + ":streamGenerateContent?alt=sse")
      let events = try receivedEvents(in: stream.text)
      #expect(events.count == 5 && events.last == "[DONE]")
      #expect(events[1]["choices"]?[0]?["delta"]?["content"] == "Hello!" && events[3]["usage"] != nil)
    }
  }

  @Test("who speaks as OpenAI does gets the client's form, and the answer passes byte for byte")
  func openAI() async throws {
    try await withGateway { connection, provider, _ in
      let whole = try await connection.send(chat("openai/gpt-5"))
      #expect(whole.text == Provider.openAIAnswer)
      #expect(provider.last?.path == "/v1/chat/completions" && provider.last?.fields["host"] == "api.openai.com")
      #expect(provider.last?.fields.values(of: "authorization") == ["Bearer sk-openai"])
      #expect(provider.last.map { String(buffer: $0.body).hasPrefix(#"{"model":"gpt-5","messages":"#) } == true)
      let stream = try await connection.send(chat("gpt-5", #","stream":true"#))
      #expect(stream.text == Provider.openAIStream)
    }
  }

  @Test("errors reach the client, the gateway's own and the provider's")
  func errors() async throws {
    try await withGateway { connection, provider, envoy in
      let refused = try await connection.send(HTTPRequest("POST", "/v1/chat/completions", body: "not-json"))
      #expect(refused.status == 400 && refused.fields["content-type"] == "application/json")
      #expect(refused.text.contains(#""type":"invalid_request_error""#) && provider.last == nil)
      let body = Gateway.chat("anthropic/x", #""messages":[]"#)
      // Envoy closes the connection of a request that it answers itself.
      let failed = try await HTTPConnection.connect(to: envoy.address).send(
        HTTPRequest("POST", "/v1/chat/completions", body: body))
      #expect(failed.status == 400 && failed.text == #"{"type":"error"}"#)
      #expect(failed.fields["content-length"] == "\(failed.text.utf8.count)")
    }
  }

  @Test("other requests pass, and their bodies do not go to the gateway")
  func others() async throws {
    try await withGateway { connection, _, envoy in
      let long = String(repeating: "x", count: 3_000_000)
      let response = try await connection.send(HTTPRequest("POST", "/upload", body: long))
      #expect(response.status == 200 && response.text.hasSuffix(long), "\(envoy.log)")
      let models = try await connection.get("/v1/models")
      #expect(models.text.hasPrefix("GET /v1/models") && models.text.contains("x-litellm-routed: true"))
    }
  }
}
