// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

// How the parts of a chat are read; each throws where OpenAI would refuse it too.

extension ChatRequest.Message {
  var isSystem: Bool { role == .system || role == .developer }

  init(_ message: JSONValue) throws(GatewayError) {
    guard let role = message["role"]?.string.flatMap(ChatRequest.Role.init) else {
      throw .invalid("'messages' has an unknown role")
    }
    self.role = role
    toolCallID = message["tool_call_id"]?.string ?? ""
    parts = []
    toolCalls = []
    switch message["content"] {
    case .string(let text): parts = [.text(text)]
    case .array(let list): for part in list { parts.append(try ChatRequest.Part(part)) }
    case nil, .null: break
    default: throw .invalid("'content' of a message is neither a text nor a list of parts")
    }
    for call in message["tool_calls"]?.array ?? [] { toolCalls.append(try ChatRequest.ToolCall(call)) }
  }
}

extension ChatRequest.Part {
  init(_ part: JSONValue) throws(GatewayError) {
    if part["type"] == "text", let text = part["text"]?.string {
      self = .text(text)
    } else if part["type"] == "image_url", let url = part["image_url"]?["url"]?.string {
      self = Self.image(at: url)
    } else {
      throw .invalid("'content' of a message has a part that is neither text nor image_url")
    }
  }

  /// An image in the URL itself, or elsewhere. Source: RFC 2397.
  private static func image(at url: String) -> Self {
    let parts = url.split(separator: ",", maxSplits: 1)
    guard parts.count == 2, parts[0].hasPrefix("data:"), parts[0].hasSuffix(";base64") else { return .imageURL(url) }
    return .image(type: String(parts[0].dropFirst(5).dropLast(7)), base64: String(parts[1]))
  }
}

extension ChatRequest.ToolCall {
  init(_ call: JSONValue) throws(GatewayError) {
    guard let name = call["function"]?["name"]?.string else { throw .invalid("'tool_calls' has a call of no function") }
    id = call["id"]?.string ?? ""
    self.name = name
    let text = call["function"]?["arguments"]?.string ?? ""
    guard let arguments = text.isEmpty ? [:] : try? JSONValue(parsing: text) else {
      throw .invalid("'arguments' of the call of \(name) is no JSON")
    }
    self.arguments = arguments
  }
}

extension ChatRequest.Tool {
  init(_ tool: JSONValue) throws(GatewayError) {
    guard let function = tool["function"], let name = function["name"]?.string else {
      throw .invalid("'tools' has one that is no function")
    }
    self.name = name
    description = function["description"]
    parameters = function["parameters"]
  }
}

extension ChatRequest.ToolChoice {
  init?(_ choice: JSONValue) throws(GatewayError) {
    switch choice.string {
    case "auto": self = .auto
    case "none": self = .none
    case "required": self = .required
    default:
      if choice.isNull { return nil }
      guard let name = choice["function"]?["name"]?.string else { throw .invalid("'tool_choice' is unknown") }
      self = .tool(name)
    }
  }
}
