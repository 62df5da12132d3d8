// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// A chat in OpenAI's form, read as far as other providers have something like it.
///
/// Source: OpenAI's API, create chat completion.
struct ChatRequest {
  enum Role: String {
    case system, developer, user, assistant, tool
  }

  struct Message {
    var role: Role
    var parts: [Part]
    var toolCalls: [ToolCall]
    /// The call that a tool's message is the result of.
    var toolCallID: String

    var text: String {
      parts.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n")
    }
  }

  enum Part {
    case text(String)
    /// Bytes in base64, with their media type.
    case image(type: String, base64: String)
    case imageURL(String)
  }

  struct ToolCall {
    var id: String
    var name: String
    var arguments: JSONValue
  }

  struct Tool {
    var name: String
    var description: JSONValue?
    var parameters: JSONValue?
  }

  enum ToolChoice {
    case auto, none, required
    case tool(String)
  }

  var messages: [Message]
  var tools: [Tool]
  var toolChoice: ToolChoice?

  private let body: JSONValue

  /// Throws `GatewayError` where the body is no chat.
  init(_ body: JSONValue) throws(GatewayError) {
    guard let list = body["messages"]?.array else { throw .invalid("'messages' is no list") }
    self.body = body
    messages = []
    for message in list { messages.append(try Message(message)) }
    tools = []
    for tool in body["tools"]?.array ?? [] { tools.append(try Tool(tool)) }
    toolChoice = try body["tool_choice"].flatMap(ToolChoice.init)
  }

  /// What all system messages say.
  var systemText: String? {
    let texts = messages.filter(\.isSystem).map(\.text)
    return texts.isEmpty ? nil : texts.joined(separator: "\n\n")
  }

  /// A member of the body; null is as good as nothing.
  subscript(name: String) -> JSONValue? { body[name].flatMap { $0.isNull ? nil : $0 } }

  var maxTokens: JSONValue? { self["max_completion_tokens"] ?? self["max_tokens"] }

  /// What ends the answer: one text or a list of them.
  var stop: JSONValue? { self["stop"].map { $0.array == nil ? [$0] : $0 } }
}
