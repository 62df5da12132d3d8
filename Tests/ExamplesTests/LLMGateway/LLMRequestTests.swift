// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Logging
import SwiftProtobuf
import Testing

@testable import LLMGateway

// The cases of the reference's test suite about requests, and what it does not try.

@Suite("LLMGateway: requests")
struct LLMRequestTests {
  // MARK: Headers

  @Test(
    "a request to one of OpenAI's paths is marked and its body asked for, whatever its query",
    arguments: [
      "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/chat/completions", "/completions",
      "/embeddings", "/v1/chat/completions?a=b",
    ])
  func paths(path: String) async throws {
    let reply = try await CalloutHarness(Gateway.make()).reply(to: .requestHeaders([":path": path]))
    let set = reply.requestHeaders.response.headerMutation.setHeaders
    #expect(set.map(\.header.key) == ["x-litellm-routed"])
    #expect(set.first?.header.rawValue == .init("true".utf8))
    #expect(reply.modeOverride.requestBodyMode == .buffered)
  }

  @Test(
    "other requests pass, bodies and responses included",
    arguments: [
      "/healthz", "/static/app.js", "/", "", "/models", "/v1/chat/completions/x", "/v2/chat/completions",
      "chat/completions",
    ])
  func otherPaths(path: String) async throws {
    let harness = CalloutHarness(Gateway.make())
    let headers = try await harness.reply(to: .requestHeaders([":path": path]))
    #expect(headers == .with { $0.requestHeaders = .init() })
    let body = try await harness.reply(to: .requestBody(Gateway.chat("openai/x"), endOfStream: true))
    #expect(body == .with { $0.requestBody = .init() })
    let response = try await harness.reply(to: .responseHeaders([":status": "200", "content-length": "2"]))
    #expect(response == .with { $0.responseHeaders = .init() })
    #expect(try await harness.receive("{}", endOfStream: true) == nil)
  }

  // MARK: Bodies

  @Test("an empty body passes, and so does what is sent where models are listed")
  func empty() async throws {
    let reply = try await CalloutHarness(Gateway.make()).post("")
    #expect(reply == .with { $0.requestBody = .init() })
    let models = try await CalloutHarness(Gateway.make()).post(Gateway.chat("openai/x"), to: "/v1/models")
    #expect(models == .with { $0.requestBody = .init() })
  }

  @Test(
    "a request that is none is refused with 400, and the client told why",
    arguments: [
      ("not-json", "the body is no JSON: expected null at byte 0"), ("{}", "'model' is missing"), ("[]", "'model'"),
      (#"{"model":7}"#, "'model' is missing"), (#"{"model":""}"#, "'model' is missing"),
      (#"{"model":"acme/x"}"#, "known are anthropic, groq, openai, openrouter, vertex_ai"),
      (#"{"model":"openai/"}"#, "no name of a model"), (#"{"model":"openai/a\nb"}"#, "no name of a model"),
      (#"{"model":"anthropic/x"}"#, "'messages'"), (#"{"model":"vertex_ai/x","messages":{}}"#, "'messages'"),
      (Gateway.chat("anthropic/x", #""messages":[{"role":"robot","content":"hi"}]"#), "role"),
      (Gateway.chat("anthropic/x", #""messages":[{"role":"user","content":7}]"#), "'content'"),
      (Gateway.chat("anthropic/x", #""messages":[{"role":"user","content":[{"type":"audio"}]}]"#), "'content'"),
      (Gateway.chat("anthropic/x", #""messages":[],"tools":[{"type":"function"}]"#), "'tools'"),
      (Gateway.chat("anthropic/x", #""messages":[],"tool_choice":"never""#), "'tool_choice'"),
      (
        Gateway.chat(
          "anthropic/x", #""messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}]"#),
        "'arguments' of the call of f"
      ),
      (
        Gateway.chat(
          "vertex_ai/x",
          #""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a/b"}}]}]"#),
        "data URL"
      ),
    ])
  func refused(body: String, message: String) async throws {
    let error = try await CalloutHarness(Gateway.make()).post(body).error
    #expect(error.status == 400 && error.type == "invalid_request_error")
    #expect(error.message?.contains(message) == true, "\(error)")
  }

  @Test("what only OpenAI's own form has is refused by the others", arguments: ["anthropic/x", "vertex_ai/x"])
  func endpoints(model: String) async throws {
    for path in ["/v1/completions", "/v1/embeddings"] {
      let error = try await CalloutHarness(Gateway.make()).post(Gateway.chat(model), to: path).error
      #expect(error.status == 400 && error.message?.contains("use chat/completions") == true)
    }
  }

  @Test("a failure to make the provider's request is a 500 that tells nothing of its cause, which is logged")
  func failure() async throws {
    struct Secret: Error {}
    let log = LogRecorder()
    let harness = CalloutHarness(Gateway.make { throw Secret() }, logger: log.logger)
    let reply = try await harness.post(Gateway.chat("vertex_ai/gemini-2.5-flash"))
    #expect(reply.error.status == 500 && reply.error.type == "server_error")
    #expect(reply.error.message == "no request can be made to the provider")
    #expect(log.entries(atLeast: .error).map(\.metadata["error"]) == ["Secret()"])
  }

  @Test(
    "without credentials the client is told what the gateway lacks",
    arguments: [
      ("gpt-5", "set OPENAI_API_KEY"), ("groq/x", "set GROQ_API_KEY"), ("openrouter/a/b", "set OPENROUTER_API_KEY"),
      ("anthropic/x", "set ANTHROPIC_API_KEY"), ("vertex_ai/x", "set GOOGLE_ACCESS_TOKEN"),
    ])
  func credentials(model: String, message: String) async throws {
    // Nobody can listen at port 0.
    let environment = ["GCP_PROJECT_ID": "p", "GCE_METADATA_HOST": "127.0.0.1:0", "OPENAI_API_KEY": " \n"]
    let gateway = LLMGateway(Providers(environment: environment))
    let error = try await CalloutHarness(gateway).post(Gateway.chat(model)).error
    #expect(error.status == 500 && error.message?.contains(message) == true, "\(error)")
    let bare = try await CalloutHarness(LLMGateway(Providers(environment: [:]))).post(Gateway.chat("vertex_ai/x")).error
    #expect(bare.status == 500 && bare.message?.contains("GCP_PROJECT_ID") == true)
  }

  @Test("a request with more headers than Envoy would change is refused")
  func tooManyHeaders() async throws {
    let harness = CalloutHarness(Gateway.make())
    var message = ProcessingRequestMessage.requestHeaders([":path": "/v1/chat/completions"])
    message.requestHeaders.headers.headers += (0..<81).map { number in .with { $0.key = "x-\(number)" } }
    _ = try await harness.reply(to: message)
    let reply = try await harness.reply(to: .requestBody(Gateway.chat("openai/gpt-5"), endOfStream: true))
    #expect(reply.error.status == 431)
  }

  // MARK: OpenAI's form

  @Test(
    "providers that speak as OpenAI does get the body with nothing but the model's name changed",
    arguments: [
      ("gpt-5", "gpt-5", "api.openai.com", "/v1/", "sk-openai"),
      ("openai/gpt-5", "gpt-5", "api.openai.com", "/v1/", "sk-openai"),
      ("groq/openai/gpt-oss", "openai/gpt-oss", "api.groq.com", "/openai/v1/", "sk-groq"),
      ("openrouter/a/b", "a/b", "openrouter.ai", "/api/v1/", "sk-router"),
    ])
  func openAI(name: String, model: String, authority: String, base: String, key: String) async throws {
    for endpoint in ["chat/completions", "completions", "embeddings"] {
      let body = { (model: String) in #"{"z":1.50,"model":"\#(model)","n":12345678901234567890,"a":["é"]}"# }
      let reply = try await CalloutHarness(Gateway.make()).post(body(name), to: "/\(endpoint)?a=b")
      #expect(try reply.upstreamJSON.description == body(model))
      #expect(reply.setHeaders[":path"] == base + endpoint)
      #expect(reply.setHeaders[":authority"] == authority && reply.setHeaders["host"] == authority)
      #expect(reply.setHeaders["authorization"] == "Bearer \(key)")
      #expect(reply.setHeaders["x-litellm-model"] == model)
    }
  }

  @Test("the provider's request replaces the client's, whose credentials it does not get, and keeps its route")
  func headers() async throws {
    let harness = CalloutHarness(Gateway.make())
    _ = try await harness.reply(
      to: .requestHeaders([
        ":path": "/v1/chat/completions", "content-type": "text/plain", "authorization": "a", "x-api-key": "b",
        "cookie": "c", "x-goog-user-project": "d", "openai-organization": "e", "content-encoding": "gzip",
        "x-request-id": "f",
      ]))
    let reply = try await harness.reply(to: .requestBody(Gateway.chat("anthropic/claude-x"), endOfStream: true))
    let response = reply.requestBody.response
    #expect(
      reply.setHeaders == [
        ":path": "/v1/messages", ":authority": "api.anthropic.com", "host": "api.anthropic.com",
        "content-type": "application/json", "content-length": "\(response.bodyMutation.body.count)",
        "accept-encoding": "identity", "user-agent": "litellm-gateway/1.0", "x-litellm-provider": "anthropic",
        "x-litellm-model": "claude-x", "x-litellm-streaming": "false", "x-api-key": "sk-ant-test",
        "anthropic-version": "2023-06-01", "anthropic-dangerous-direct-browser-access": "true",
      ])
    #expect(
      response.headerMutation.removeHeaders == [
        "authorization", "x-api-key", "cookie", "x-goog-user-project", "openai-organization", "content-encoding",
      ])
    #expect(response.headerMutation.setHeaders.allSatisfy { $0.appendAction == .overwriteIfExistsOrAdd })
    #expect(!response.clearRouteCache_p)
  }
}
