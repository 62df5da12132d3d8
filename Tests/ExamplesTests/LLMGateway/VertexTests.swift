// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Testing

@testable import LLMGateway

@Suite("LLMGateway: Vertex AI")
struct VertexTests {
  private func body(_ members: String) throws -> JSONValue {
    try VertexRequest(ChatRequest(JSONValue(parsing: Gateway.chat("x", members)))).body
  }

  // MARK: Requests

  @Test(
    "a chat becomes contents, with the system's words apart",
    arguments: [
      (
        #""messages":[{"role":"user","content":"hi"}]"#,
        #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#
      ),
      (
        #""messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"},{"role":"developer","content":"be kind"}]"#,
        #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"be brief\n\nbe kind"}]}}"#
      ),
      (
        #""messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"user","content":"d"}]"#,
        #"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]},{"role":"user","parts":[{"text":"c"},{"text":"d"}]}]}"#
      ),
      (
        #""messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]}]"#,
        #"{"contents":[{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}]}"#
      ),
      (#""messages":[]"#, #"{"contents":[]}"#),
    ])
  func contents(members: String, expected: String) throws {
    #expect(try body(members).description == expected)
  }

  @Test("settings become generationConfig, their numbers as they were written")
  func generationConfig() throws {
    let config = try body(
      #""messages":[],"temperature":0.70,"max_tokens":100,"top_p":0.9,"top_k":5,"stop":"END","presence_penalty":1e-1,"frequency_penalty":-1"#
    )["generationConfig"]
    #expect(
      config?.description
        == #"{"temperature":0.70,"topP":0.9,"topK":5,"presencePenalty":1e-1,"frequencyPenalty":-1,"maxOutputTokens":100,"stopSequences":["END"]}"#
    )
    let other = try body(#""messages":[],"max_tokens":null,"max_completion_tokens":7,"stop":["a","b"]"#)
    #expect(other["generationConfig"]?.description == #"{"maxOutputTokens":7,"stopSequences":["a","b"]}"#)
    #expect(try body(#""messages":[]"#)["generationConfig"] == nil)
  }

  @Test("tools, calls of them and their results are Vertex AI's")
  func tools() throws {
    let body = try body(
      #"""
      "messages":[{"role":"user","content":"2+2?"},
        {"role":"assistant","content":null,"tool_calls":[
          {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":2.0}"}},
          {"id":"c2","type":"function","function":{"name":"now","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"{\"sum\":4}"},{"role":"tool","tool_call_id":"c2","content":"noon"}],
      "tools":[{"type":"function","function":{"name":"add","description":"adds","parameters":{"type":"object"}}},
        {"type":"function","function":{"name":"now"}}],
      "tool_choice":{"type":"function","function":{"name":"add"}}
      """#)
    #expect(
      body["contents"]?[1]
        == [
          "role": "model",
          "parts": [
            ["functionCall": ["name": "add", "args": try JSONValue(parsing: #"{"a":2.0}"#)]],
            ["functionCall": ["name": "now", "args": [:]]],
          ],
        ])
    #expect(
      body["contents"]?[2]
        == [
          "role": "user",
          "parts": [
            ["functionResponse": ["name": "add", "response": ["sum": 4]]],
            ["functionResponse": ["name": "now", "response": ["result": "noon"]]],
          ],
        ])
    #expect(
      body["tools"] == [
        [
          "functionDeclarations": [
            ["name": "add", "description": "adds", "parameters": ["type": "object"]], ["name": "now"],
          ]
        ]
      ])
    #expect(body["toolConfig"] == ["functionCallingConfig": ["mode": "ANY", "allowedFunctionNames": ["add"]]])
  }

  @Test("a choice of tools is a mode", arguments: [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")])
  func toolChoice(ours: String, theirs: String) throws {
    let body = try body(#""messages":[],"tool_choice":"\#(ours)""#)
    #expect(body["toolConfig"] == ["functionCallingConfig": ["mode": .string(theirs)]])
  }

  @Test("a request goes to the model's method in the project and the region", arguments: [false, true])
  func request(streaming: Bool) async throws {
    let body = Gateway.chat("vertex_ai/gemini-2.5-flash", #""stream":\#(streaming),"messages":[]"#)
    let reply = try await CalloutHarness(Gateway.make()).post(body)
    let headers = reply.setHeaders
    let method = streaming ? "streamGenerateContent?alt=sse" : "generateContent"
    #expect(
      headers[":path"]
        == "/v1/projects/test-project/locations/us-central1/publishers/google/models/gemini-2.5-flash:\(method)")
    #expect(headers[":authority"] == "us-central1-aiplatform.googleapis.com")
    #expect(headers["host"] == "us-central1-aiplatform.googleapis.com")
    #expect(headers["authorization"] == "Bearer fake-adc-token")
    #expect(headers["x-litellm-provider"] == "vertex_ai" && headers["x-litellm-model"] == "gemini-2.5-flash")
    #expect(headers["x-litellm-streaming"] == "\(streaming)")
    #expect(headers["content-length"] == "\(reply.requestBody.response.bodyMutation.body.count)")
    #expect(!reply.requestBody.response.clearRouteCache_p)
    #expect(try reply.upstreamJSON["stream"] == nil)
  }

  @Test("a model's name stays in its place in the path")
  func escaping() async throws {
    let reply = try await CalloutHarness(Gateway.make()).post(Gateway.chat("vertex_ai/../a?b#%", #""messages":[]"#))
    #expect(reply.setHeaders[":path"]?.hasSuffix("/models/..%2Fa%3Fb%23%25:generateContent") == true)
  }

  @Test("project, region and token come from the environment, the global region has a host of its own")
  func environment() async throws {
    let environment = ["GCP_PROJECT_ID": "p", "GCP_REGION": "global", "GOOGLE_ACCESS_TOKEN": "t\n"]
    let reply = try await CalloutHarness(LLMGateway(Providers(environment: environment)))
      .post(Gateway.chat("vertex_ai/m"))
    #expect(reply.setHeaders[":path"]?.hasPrefix("/v1/projects/p/locations/global/") == true)
    #expect(reply.setHeaders[":authority"] == "aiplatform.googleapis.com")
    #expect(reply.setHeaders["authorization"] == "Bearer t")
  }

  // MARK: Answers

  @Test("an answer becomes a completion")
  func completion() throws {
    let answer = try JSONValue(
      parsing: #"""
        {"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"a"},{"text":"b"},
          {"functionCall":{"name":"add","args":{"a":1.0}}}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"thoughtsTokenCount":2,"totalTokenCount":14},
        "modelVersion":"gemini-x","responseId":"r1"}
        """#)
    let completion = VertexDialect(model: "gemini", wantsUsage: false).completion(of: answer).map(withoutTime)
    #expect(
      completion?.description
        == #"{"id":"r1","object":"chat.completion","model":"gemini-x","choices":[{"index":0,"message":{"role":"assistant","content":"ab","tool_calls":[{"id":"call_r1_0_0","type":"function","function":{"name":"add","arguments":"{\"a\":1.0}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}}"#
    )
  }

  @Test(
    "an answer ends for a reason that OpenAI has",
    arguments: [
      (#"{"candidates":[{"finishReason":"STOP"}]}"#, "stop"), (#"{"candidates":[{}]}"#, "stop"),
      (#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#, "length"),
      (#"{"candidates":[{"finishReason":"SAFETY"}]}"#, "content_filter"),
      (#"{"promptFeedback":{"blockReason":"OTHER"}}"#, "content_filter"),
      (#"{"candidates":[{"finishReason":"NEW"}]}"#, "stop"),
    ])
  func finishReason(answer: String, reason: String) throws {
    let completion = VertexDialect(model: "x", wantsUsage: false).completion(of: try JSONValue(parsing: answer))
    #expect(completion?["choices"]?[0]?["finish_reason"]?.string == reason)
    #expect(completion?["choices"]?[0]?["message"]?["content"] == .null)
  }

  @Test("events become chunks", arguments: [false, true])
  func stream(wantsUsage: Bool) throws {
    var dialect = VertexDialect(model: "gemini", wantsUsage: wantsUsage)
    let chunks = try [
      #"{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}],"usageMetadata":{"promptTokenCount":1},"responseId":"r"}"#,
      #"{"candidates":[{"content":{"parts":[{"text":"lo"},{"functionCall":{"name":"f","args":{}}}]}}]}"#,
      #"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}"#,
    ].flatMap { dialect.chunks(of: try JSONValue(parsing: $0)) }
    let deltas = chunks.prefix(5).map { $0["choices"]?[0]?["delta"]?.description }
    #expect(
      deltas == [
        #"{"role":"assistant","content":""}"#, #"{"content":"Hel"}"#, #"{"content":"lo"}"#,
        #"{"tool_calls":[{"id":"call_r_0_0","type":"function","function":{"name":"f","arguments":"{}"},"index":0}]}"#,
        "{}",
      ])
    #expect(chunks.prefix(4).allSatisfy { $0["choices"]?[0]?["finish_reason"] == .null })
    #expect(chunks[4]["choices"]?[0]?["finish_reason"] == "tool_calls")
    #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == "r" && $0["model"] == "gemini" })
    #expect(chunks.dropFirst(5).map { $0["usage"]?["total_tokens"]?.int } == (wantsUsage ? [3] : []))
  }

  @Test("an error within a stream is told as OpenAI's")
  func streamError() throws {
    var dialect = VertexDialect(model: "x", wantsUsage: false)
    let event = try JSONValue(parsing: #"{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}"#)
    #expect(dialect.chunks(of: event) == [["error": ["message": "no", "type": "UNAVAILABLE"]]])
  }
}
