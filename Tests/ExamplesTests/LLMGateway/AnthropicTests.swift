// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Testing

@testable import LLMGateway

@Suite("LLMGateway: Anthropic")
struct AnthropicTests {
  private func body(_ members: String) throws -> JSONValue {
    Anthropic.body(try ChatRequest(JSONValue(parsing: Gateway.chat("x", members))), model: "claude")
  }

  // MARK: Requests

  @Test("a chat with a limit goes to Anthropic as it is in the reference's case")
  func referenceCase() async throws {
    let members = #""max_tokens":64,"messages":[{"role":"user","content":"hi"}]"#
    let reply = try await CalloutHarness(Gateway.make()).post(Gateway.chat("anthropic/claude-x", members))
    #expect(
      try reply.upstreamJSON.description
        == #"{"model":"claude-x","max_tokens":64,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
    )
  }

  @Test("the system's words stand apart, and turns of one role are one message")
  func turns() throws {
    let body = try body(
      #"""
      "messages":[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"user","content":[
        {"type":"text","text":"c"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},
        {"type":"image_url","image_url":{"url":"https://a.example/b,c.png"}}]},
        {"role":"assistant","content":"d"},{"role":"system","content":[{"type":"text","text":"e"}]}]
      """#)
    #expect(body["system"] == "a\n\ne" && body["max_tokens"]?.int == 4096)
    #expect(
      body["messages"] == [
        [
          "role": "user",
          "content": [
            ["type": "text", "text": "b"], ["type": "text", "text": "c"],
            ["type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "QUJD"]],
            ["type": "image", "source": ["type": "url", "url": "https://a.example/b,c.png"]],
          ],
        ],
        ["role": "assistant", "content": [["type": "text", "text": "d"]]],
      ])
  }

  @Test("settings go by Anthropic's names, their numbers as they were written")
  func settings() throws {
    let body = try body(
      #""messages":[],"temperature":0.70,"top_p":1.0,"stop":"END","stream":true,"user":"u","max_completion_tokens":9,"n":1,"seed":2"#
    )
    #expect(
      body.description
        == #"{"model":"claude","max_tokens":9,"messages":[],"stream":true,"temperature":0.70,"top_p":1.0,"stop_sequences":["END"],"metadata":{"user_id":"u"}}"#
    )
  }

  @Test("tools, calls of them and their results are Anthropic's")
  func tools() throws {
    let body = try body(
      #"""
      "messages":[{"role":"user","content":"2+2?"},
        {"role":"assistant","content":"","tool_calls":[
          {"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":2.0}"}},
          {"id":"c2","type":"function","function":{"name":"now","arguments":""}}]},
        {"role":"tool","tool_call_id":"c1","content":"4"},{"role":"tool","tool_call_id":"c2","content":"noon"},
        {"role":"user","content":"so?"}],
      "tools":[{"type":"function","function":{"name":"add","description":"adds","parameters":{"type":"object"}}},
        {"type":"function","function":{"name":"now"}}]
      """#)
    let uses = body["messages"]?[1]?["content"]
    #expect(
      uses?.description
        == #"[{"type":"tool_use","id":"c1","name":"add","input":{"a":2.0}},{"type":"tool_use","id":"c2","name":"now","input":{}}]"#
    )
    #expect(
      body["messages"]?[2]?["content"] == [
        ["type": "tool_result", "tool_use_id": "c1", "content": [["type": "text", "text": "4"]]],
        ["type": "tool_result", "tool_use_id": "c2", "content": [["type": "text", "text": "noon"]]],
        ["type": "text", "text": "so?"],
      ])
    #expect(body["messages"]?.array?.count == 3)
    #expect(
      body["tools"] == [
        ["name": "add", "description": "adds", "input_schema": ["type": "object"]],
        ["name": "now", "input_schema": ["type": "object", "properties": [:]]],
      ])
    #expect(body["tool_choice"] == nil)
  }

  @Test(
    "a choice of tools goes by Anthropic's names",
    arguments: [
      (#""tool_choice":"auto""#, #"{"type":"auto"}"#), (#""tool_choice":"none""#, #"{"type":"none"}"#),
      (#""tool_choice":"required""#, #"{"type":"any"}"#),
      (#""tool_choice":{"type":"function","function":{"name":"f"}}"#, #"{"type":"tool","name":"f"}"#),
      (#""tool_choice":null,"parallel_tool_calls":true"#, nil),
      (#""parallel_tool_calls":false"#, #"{"type":"auto","disable_parallel_tool_use":true}"#),
      (
        #""tool_choice":"required","parallel_tool_calls":false"#, #"{"type":"any","disable_parallel_tool_use":true}"#
      ),
    ] as [(String, String?)])
  func toolChoice(members: String, expected: String?) throws {
    let tools = #""tools":[{"type":"function","function":{"name":"f"}}]"#
    #expect(try body(#""messages":[],\#(tools),\#(members)"#)["tool_choice"]?.description == expected)
  }

  // MARK: Answers

  @Test("an answer becomes a completion")
  func completion() throws {
    let answer = try JSONValue(
      parsing: #"""
        {"id":"msg_1","type":"message","role":"assistant","model":"claude-y","content":[{"type":"thinking","thinking":"hm"},
          {"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"tool_use","id":"t1","name":"add","input":{"a":1.0}}],
        "stop_reason":"tool_use","usage":{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":7}}
        """#)
    let completion = AnthropicDialect(model: "claude", wantsUsage: false).completion(of: answer).map(withoutTime)
    #expect(
      completion?.description
        == #"{"id":"msg_1","object":"chat.completion","model":"claude-y","choices":[{"index":0,"message":{"role":"assistant","content":"ab","tool_calls":[{"id":"t1","type":"function","function":{"name":"add","arguments":"{\"a\":1.0}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":8,"completion_tokens":7,"total_tokens":15}}"#
    )
  }

  @Test(
    "an answer ends for a reason that OpenAI has",
    arguments: [
      ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
      ("refusal", "content_filter"), ("new", "stop"),
    ])
  func finishReason(theirs: String, ours: String) throws {
    var dialect = AnthropicDialect(model: "x", wantsUsage: false)
    let answer: JSONValue = ["type": "message", "content": [], "stop_reason": .string(theirs)]
    #expect(dialect.completion(of: answer)?["choices"]?[0]?["finish_reason"]?.string == ours)
    let chunks = dialect.chunks(of: ["type": "message_delta", "delta": ["stop_reason": .string(theirs)]])
    #expect(chunks.map { $0["choices"]?[0]?["finish_reason"]?.string } == [ours])
  }

  @Test("events become chunks", arguments: [false, true])
  func stream(wantsUsage: Bool) throws {
    var dialect = AnthropicDialect(model: "claude", wantsUsage: wantsUsage)
    let chunks = try Self.events.flatMap { dialect.chunks(of: try JSONValue(parsing: $0)) }
    let deltas = chunks.prefix(7).map { $0["choices"]?[0]?["delta"]?.description }
    #expect(
      deltas == [
        #"{"role":"assistant","content":""}"#, #"{"content":"Grüß "}"#, #"{"content":"dich 😀"}"#,
        #"{"tool_calls":[{"id":"t1","type":"function","function":{"name":"add","arguments":""},"index":0}]}"#,
        #"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#,
        #"{"tool_calls":[{"index":0,"function":{"arguments":"1.0}"}}]}"#, "{}",
      ])
    #expect(chunks.prefix(6).allSatisfy { $0["choices"]?[0]?["finish_reason"] == .null })
    #expect(chunks[6]["choices"]?[0]?["finish_reason"] == "tool_calls")
    #expect(chunks.allSatisfy { $0["id"] == "msg_1" && $0["model"] == "claude-y" })
    #expect(
      chunks.dropFirst(7).map { $0["usage"]?.description }
        == (wantsUsage ? [#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}"#] : []))
  }

  @Test("an error within a stream is told as OpenAI's")
  func streamError() throws {
    var dialect = AnthropicDialect(model: "x", wantsUsage: false)
    let event = try JSONValue(parsing: #"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#)
    #expect(dialect.chunks(of: event) == [["error": ["message": "no", "type": "overloaded_error"]]])
  }

  @Test(
    "a stream that is cut anywhere is the same stream, also where trailers follow",
    arguments: [1, 2, 3, 7, 64, 100_000], [[:], ["t": "1"]] as [HTTPFields])
  func cuts(length: Int, trailers: HTTPFields) async throws {
    var filter = EnvoyFilter()
    filter.allowModeOverride = true
    filter.mutationRules.allowAllRouting = true
    let stream = Self.events.map { "event: x\r\ndata: \($0)\r\n\r\n" }.joined()
    let exchange = try await filter.exchange(
      HTTPRequest(
        "POST", "/v1/chat/completions", body: Gateway.chat("anthropic/claude", #""stream":true,"messages":[]"#)),
      with: Gateway.make(), chunkSize: length
    ) { _ in
      HTTPResponse(fields: ["content-type": "text/event-stream"], body: stream, isChunked: true, trailers: trailers)
    }
    #expect(exchange.upstreamRequest?.path == "/v1/messages" && exchange.warnings == [])
    let events = try receivedEvents(in: exchange.response.text)
    var dialect = AnthropicDialect(model: "claude", wantsUsage: false)
    let expected = try Self.events.flatMap { dialect.chunks(of: try JSONValue(parsing: $0)) }
    #expect(events == expected.map(withoutTime) + ["[DONE]"])
  }

  /// What Anthropic sends for an answer of a text and a call of a tool.
  static let events = [
    #"{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude-y","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#,
    #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    #"{"type":"ping"}"#,
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüß "}}"#,
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"dich 😀"}}"#,
    #"{"type":"content_block_stop","index":0}"#,
    #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"add","input":{}}}"#,
    #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
    #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1.0}"}}"#,
    #"{"type":"content_block_stop","index":1}"#,
    #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}"#,
    #"{"type":"message_stop"}"#,
  ]
}
