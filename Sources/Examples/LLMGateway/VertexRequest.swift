// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// A chat in Vertex AI's form. Source: Vertex AI's API, `generateContent`.
struct VertexRequest {
  private let chat: ChatRequest
  /// The functions called so far, by the id of the call.
  private let functions: [String: String]

  init(_ chat: ChatRequest) {
    self.chat = chat
    let calls = chat.messages.flatMap(\.toolCalls)
    functions = Dictionary(calls.map { ($0.id, $0.name) }) { $1 }
  }

  /// What Vertex AI has no word for is left out.
  var body: JSONValue {
    get throws(GatewayError) {
      var body: JSONValue = ["contents": .array(try contents)]
      if let text = chat.systemText { body["systemInstruction"] = ["parts": [["text": .string(text)]]] }
      body["generationConfig"] = generationConfig
      if !chat.tools.isEmpty { body["tools"] = [["functionDeclarations": .array(chat.tools.map(\.vertex))]] }
      if let choice = chat.toolChoice { body["toolConfig"] = ["functionCallingConfig": choice.vertex] }
      return body
    }
  }

  private var generationConfig: JSONValue? {
    var config = JSONObject()
    for (theirs, ours) in [
      ("temperature", "temperature"), ("topP", "top_p"), ("topK", "top_k"), ("presencePenalty", "presence_penalty"),
      ("frequencyPenalty", "frequency_penalty"),
    ] {
      config[theirs] = chat[ours]
    }
    config["maxOutputTokens"] = chat.maxTokens
    config["stopSequences"] = chat.stop
    return config.isEmpty ? nil : .object(config)
  }

  /// Turns alternate: what comes one after the other in the same role is one content.
  private var contents: [JSONValue] {
    get throws(GatewayError) {
      var turns: [(role: String, parts: [JSONValue])] = []
      for message in chat.messages where !message.isSystem {
        let role = message.role == .assistant ? "model" : "user"
        let parts = message.role == .tool ? [functionResponse(message)] : try message.vertexParts
        if turns.last?.role == role {
          turns[turns.count - 1].parts += parts
        } else {
          turns.append((role, parts))
        }
      }
      return turns.map { ["role": .string($0.role), "parts": .array($0.parts)] }
    }
  }

  /// A tool's result goes by the name of the function, where OpenAI has the id of the call.
  private func functionResponse(_ message: ChatRequest.Message) -> JSONValue {
    let result = (try? JSONValue(parsing: message.text)) ?? .string(message.text)
    return [
      "functionResponse": [
        "name": .string(functions[message.toolCallID] ?? message.toolCallID),
        "response": result.object == nil ? ["result": result] : result,
      ]
    ]
  }
}

extension ChatRequest.Message {
  fileprivate var vertexParts: [JSONValue] {
    get throws(GatewayError) {
      var parts: [JSONValue] = []
      for part in self.parts { parts.append(try part.vertex) }
      return parts
        + toolCalls.map { ["functionCall": ["name": .string($0.name), "args": $0.arguments]] }
    }
  }
}

extension ChatRequest.Part {
  fileprivate var vertex: JSONValue {
    get throws(GatewayError) {
      switch self {
      case .text(let text): ["text": .string(text)]
      case .image(let type, let base64): ["inlineData": ["mimeType": .string(type), "data": .string(base64)]]
      // Vertex AI demands its media type, which the request does not tell.
      case .imageURL: throw .invalid("'image_url' for vertex_ai must be a data URL in base64")
      }
    }
  }
}

extension ChatRequest.Tool {
  fileprivate var vertex: JSONValue {
    var tool: JSONValue = ["name": .string(name)]
    tool["description"] = description
    tool["parameters"] = parameters
    return tool
  }
}

extension ChatRequest.ToolChoice {
  fileprivate var vertex: JSONValue {
    switch self {
    case .auto: ["mode": "AUTO"]
    case .none: ["mode": "NONE"]
    case .required: ["mode": "ANY"]
    case .tool(let name): ["mode": "ANY", "allowedFunctionNames": [.string(name)]]
    }
  }
}
