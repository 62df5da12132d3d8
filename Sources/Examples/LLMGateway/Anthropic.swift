// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// Anthropic's models. Source: Anthropic's API, messages.
struct Anthropic: Provider {
  let name = "anthropic"
  private let key: APIKey

  init(_ key: APIKey) { self.key = key }

  func request(for call: ModelCall) throws -> ProviderRequest {
    try call.requireChat()
    return ProviderRequest(
      authority: "api.anthropic.com", path: "/v1/messages",
      headers: [
        ("x-api-key", try key.get()), ("anthropic-version", "2023-06-01"),
        ("anthropic-dangerous-direct-browser-access", "true"),
      ], body: Self.body(try ChatRequest(call.body), model: call.model))
  }

  func dialect(for call: ModelCall) -> (any Dialect)? {
    AnthropicDialect(model: call.model, wantsUsage: call.wantsUsage)
  }

  /// What Anthropic has no word for is left out.
  static func body(_ chat: ChatRequest, model: String) -> JSONValue {
    // Anthropic demands a limit, OpenAI does not.
    var body: JSONValue = ["model": .string(model), "max_tokens": chat.maxTokens ?? 4096]
    body["system"] = chat.systemText.map { .string($0) }
    body["messages"] = .array(messages(of: chat))
    for name in ["stream", "temperature", "top_p", "top_k"] { body[name] = chat[name] }
    body["stop_sequences"] = chat.stop
    if let user = chat["user"] { body["metadata"] = ["user_id": user] }
    if !chat.tools.isEmpty { body["tools"] = .array(chat.tools.map(\.anthropic)) }
    body["tool_choice"] = toolChoice(of: chat)
    return body
  }

  /// Turns alternate: what comes one after the other in the same role is one message.
  private static func messages(of chat: ChatRequest) -> [JSONValue] {
    var turns: [(role: String, blocks: [JSONValue])] = []
    for message in chat.messages where !message.isSystem {
      let role = message.role == .assistant ? "assistant" : "user"
      if turns.last?.role == role {
        turns[turns.count - 1].blocks += message.anthropicBlocks
      } else {
        turns.append((role, message.anthropicBlocks))
      }
    }
    return turns.map { ["role": .string($0.role), "content": .array($0.blocks)] }
  }

  private static func toolChoice(of chat: ChatRequest) -> JSONValue? {
    let isSingle = chat["parallel_tool_calls"]?.bool == false && !chat.tools.isEmpty
    var choice: JSONValue
    switch chat.toolChoice {
    case .some(.none): return ["type": "none"]
    case .auto: choice = ["type": "auto"]
    case .required: choice = ["type": "any"]
    case .tool(let name): choice = ["type": "tool", "name": .string(name)]
    case nil:
      guard isSingle else { return nil }
      choice = ["type": "auto"]
    }
    if isSingle { choice["disable_parallel_tool_use"] = true }
    return choice
  }
}

extension ChatRequest.Message {
  fileprivate var anthropicBlocks: [JSONValue] {
    if role == .tool {
      return [["type": "tool_result", "tool_use_id": .string(toolCallID), "content": .array(parts.anthropic)]]
    }
    let calls = toolCalls.map { call -> JSONValue in
      ["type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": call.arguments]
    }
    return parts.anthropic + calls
  }
}

extension [ChatRequest.Part] {
  /// Without empty texts, which Anthropic refuses and OpenAI's clients send beside calls of tools.
  fileprivate var anthropic: [JSONValue] {
    compactMap { part in
      switch part {
      case .text(let text): text.isEmpty ? nil : ["type": "text", "text": .string(text)]
      case .image(let type, let base64):
        ["type": "image", "source": ["type": "base64", "media_type": .string(type), "data": .string(base64)]]
      case .imageURL(let url): ["type": "image", "source": ["type": "url", "url": .string(url)]]
      }
    }
  }
}

extension ChatRequest.Tool {
  fileprivate var anthropic: JSONValue {
    var tool: JSONValue = ["name": .string(name)]
    tool["description"] = description
    tool["input_schema"] = parameters ?? ["type": "object", "properties": [:]]
    return tool
  }
}
