// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// Translates Anthropic's answers. Source: Anthropic's API, messages and streaming messages.
struct AnthropicDialect: Dialect {
  private var completion: ChatCompletion
  private let wantsUsage: Bool
  private var promptTokens = 0
  /// The tools called so far; OpenAI numbers them apart from other content.
  private var toolCalls = 0

  init(model: String, wantsUsage: Bool) {
    completion = ChatCompletion(id: "", model: model)
    self.wantsUsage = wantsUsage
  }

  // MARK: Whole

  func completion(of answer: JSONValue) -> JSONValue? {
    guard answer["type"] == "message", let content = answer["content"]?.array else { return nil }
    let texts = content.filter { $0["type"] == "text" }.compactMap { $0["text"]?.string }
    let calls = content.filter { $0["type"] == "tool_use" }.map { block in
      ChatCompletion.toolCall(
        id: block["id"]?.string ?? "", name: block["name"]?.string ?? "",
        arguments: (block["input"] ?? [:]).description)
    }
    var completion = completion
    completion.take(answer)
    let choice = ChatCompletion.choice(
      0, text: texts.isEmpty ? nil : texts.joined(), toolCalls: calls,
      finishReason: Self.finishReason(answer["stop_reason"]))
    let prompt = Self.promptTokens(answer["usage"])
    return completion.whole([choice], usage: Self.usage(prompt, answer["usage"]))
  }

  // MARK: Stream

  mutating func chunks(of event: JSONValue) -> [JSONValue] {
    switch event["type"]?.string {
    case "message_start":
      completion.take(event["message"] ?? [:])
      promptTokens = Self.promptTokens(event["message"]?["usage"])
      return [completion.chunk(["role": "assistant", "content": ""])]
    case "content_block_start": return startBlock(event["content_block"] ?? [:])
    case "content_block_delta": return continueBlock(event["delta"] ?? [:])
    case "message_delta":
      let last = completion.chunk([:], finishReason: Self.finishReason(event["delta"]?["stop_reason"]))
      return wantsUsage ? [last, completion.chunk(usage: Self.usage(promptTokens, event["usage"]))] : [last]
    case "error":
      let error = event["error"]
      return [["error": ["message": error?["message"] ?? "", "type": error?["type"] ?? "server_error"]]]
    default: return []
    }
  }

  func isLast(_ event: JSONValue) -> Bool { event["type"] == "message_stop" }

  private mutating func startBlock(_ block: JSONValue) -> [JSONValue] {
    guard block["type"] == "tool_use" else { return [] }
    var call = ChatCompletion.toolCall(
      id: block["id"]?.string ?? "", name: block["name"]?.string ?? "", arguments: "")
    call["index"] = .number(JSONNumber(toolCalls))
    toolCalls += 1
    return [completion.chunk(["tool_calls": [call]])]
  }

  private func continueBlock(_ delta: JSONValue) -> [JSONValue] {
    switch delta["type"]?.string {
    case "text_delta": [completion.chunk(["content": delta["text"] ?? ""])]
    case "input_json_delta":
      [
        completion.chunk([
          "tool_calls": [
            ["index": .number(JSONNumber(toolCalls - 1)), "function": ["arguments": delta["partial_json"] ?? ""]]
          ]
        ])
      ]
    default: []
    }
  }

  // MARK: Parts

  private static func finishReason(_ reason: JSONValue?) -> String {
    switch reason?.string {
    case "max_tokens", "model_context_window_exceeded": "length"
    case "tool_use": "tool_calls"
    case "refusal": "content_filter"
    default: "stop"
    }
  }

  /// Anthropic counts apart what it read from its cache and what it wrote there.
  private static func promptTokens(_ usage: JSONValue?) -> Int {
    ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
      .reduce(0) { $0 &+ (usage?[$1]?.int ?? 0) }
  }

  private static func usage(_ promptTokens: Int, _ usage: JSONValue?) -> JSONValue {
    ChatCompletion.usage(prompt: promptTokens, completion: usage?["output_tokens"]?.int ?? 0)
  }
}

extension ChatCompletion {
  /// Takes what a message says of itself.
  fileprivate mutating func take(_ message: JSONValue) {
    if let id = message["id"]?.string { self.id = id }
    if let model = message["model"]?.string { self.model = model }
  }
}
