// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// Translates Vertex AI's answers; each event of a stream is an answer with what is new.
///
/// Source: Vertex AI's API, `GenerateContentResponse`.
struct VertexDialect: Dialect {
  private var completion: ChatCompletion
  private let wantsUsage: Bool
  /// The choices whose first chunk was sent.
  private var begun: Set<Int> = []
  /// The tools called so far, by choice.
  private var toolCalls: [Int: Int] = [:]

  init(model: String, wantsUsage: Bool) {
    completion = ChatCompletion(id: "", model: model)
    self.wantsUsage = wantsUsage
  }

  // MARK: Whole

  func completion(of answer: JSONValue) -> JSONValue? {
    guard let candidates = Self.candidates(of: answer) else { return nil }
    var completion = completion
    completion.take(answer)
    let choices = candidates.map { index, candidate in
      let calls = candidate.calls.enumerated().map { Self.toolCall($1, index, $0, completion) }
      return ChatCompletion.choice(
        index, text: candidate.texts.isEmpty ? nil : candidate.texts.joined(), toolCalls: calls,
        finishReason: Self.finishReason(candidate, hasCalls: !calls.isEmpty) ?? "stop")
    }
    return completion.whole(choices, usage: Self.usage(answer["usageMetadata"]))
  }

  // MARK: Stream

  mutating func chunks(of event: JSONValue) -> [JSONValue] {
    if let error = event["error"] {
      return [["error": ["message": error["message"] ?? "", "type": error["status"] ?? "server_error"]]]
    }
    completion.take(event)
    var chunks = (Self.candidates(of: event) ?? []).flatMap { pieces(of: $1, $0) }
    // Events before the last one may count too; the last one's finish reason tells it apart.
    if wantsUsage, chunks.last?["choices"]?[0]?["finish_reason"]?.isNull == false {
      chunks.append(completion.chunk(usage: Self.usage(event["usageMetadata"])))
    }
    return chunks
  }

  func isLast(_ event: JSONValue) -> Bool { false }

  private mutating func pieces(of candidate: JSONValue, _ index: Int) -> [JSONValue] {
    var chunks: [JSONValue] = []
    if begun.insert(index).inserted {
      chunks.append(completion.chunk(["role": "assistant", "content": ""], of: index))
    }
    let text = candidate.texts.joined()
    if !text.isEmpty { chunks.append(completion.chunk(["content": .string(text)], of: index)) }
    for call in candidate.calls {
      let number = toolCalls[index, default: 0]
      toolCalls[index] = number + 1
      var call = Self.toolCall(call, index, number, completion)
      call["index"] = .number(JSONNumber(number))
      chunks.append(completion.chunk(["tool_calls": [call]], of: index))
    }
    if let reason = Self.finishReason(candidate, hasCalls: toolCalls[index] != nil) {
      chunks.append(completion.chunk([:], of: index, finishReason: reason))
    }
    return chunks
  }

  // MARK: Parts

  /// The candidates by their index; a prompt that was blocked has one that says no more than this.
  private static func candidates(of answer: JSONValue) -> [(Int, JSONValue)]? {
    if let list = answer["candidates"]?.array { return list.enumerated().map { ($1["index"]?.int ?? $0, $1) } }
    return answer["promptFeedback"]?["blockReason"].map { _ in [(0, ["finishReason": "SAFETY"])] }
  }

  private static func finishReason(_ candidate: JSONValue, hasCalls: Bool) -> String? {
    switch candidate["finishReason"]?.string {
    case nil: nil
    case "STOP": hasCalls ? "tool_calls" : "stop"
    case "MAX_TOKENS": "length"
    case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY": "content_filter"
    default: "stop"
    }
  }

  /// Vertex AI's calls need no id, OpenAI's do.
  private static func toolCall(
    _ call: JSONValue, _ choice: Int, _ number: Int, _ completion: ChatCompletion
  ) -> JSONValue {
    ChatCompletion.toolCall(
      id: call["id"]?.string ?? "call_\(completion.id)_\(choice)_\(number)", name: call["name"]?.string ?? "",
      arguments: (call["args"] ?? [:]).description)
  }

  private static func usage(_ usage: JSONValue?) -> JSONValue {
    let count = { (name: String) in usage?[name]?.int ?? 0 }
    return ChatCompletion.usage(
      prompt: count("promptTokenCount"), completion: count("candidatesTokenCount") &+ count("thoughtsTokenCount"))
  }
}

extension ChatCompletion {
  /// Takes what an answer says of itself.
  fileprivate mutating func take(_ answer: JSONValue) {
    if let id = answer["responseId"]?.string { self.id = id }
    if let model = answer["modelVersion"]?.string { self.model = model }
  }
}

extension JSONValue {
  private var parts: [JSONValue] { self["content"]?["parts"]?.array ?? [] }

  /// A candidate's texts, without the model's thoughts.
  fileprivate var texts: [String] { parts.filter { $0["thought"]?.bool != true }.compactMap { $0["text"]?.string } }

  /// The functions that a candidate calls.
  fileprivate var calls: [JSONValue] { parts.compactMap { $0["functionCall"] } }
}
