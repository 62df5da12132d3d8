// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Writes answers in OpenAI's form: all that belong to one have the same id, time and model.
///
/// Source: OpenAI's API, the chat completion object and the chat completion chunk object.
struct ChatCompletion: Sendable {
  var id: String
  var model: String
  private let created = Int(Date().timeIntervalSince1970)

  init(id: String, model: String) {
    self.id = id
    self.model = model
  }

  func whole(_ choices: [JSONValue], usage: JSONValue) -> JSONValue {
    object("chat.completion", choices, usage)
  }

  /// A piece of a choice; `delta` is what it adds to the message.
  func chunk(_ delta: JSONValue, of choice: Int = 0, finishReason: String? = nil) -> JSONValue {
    let choice: JSONValue = [
      "index": .number(JSONNumber(choice)), "delta": delta, "finish_reason": finishReason.map { .string($0) } ?? .null,
    ]
    return object("chat.completion.chunk", [choice], nil)
  }

  /// The last chunk of a stream whose cost is asked for.
  func chunk(usage: JSONValue) -> JSONValue { object("chat.completion.chunk", [], usage) }

  private func object(_ name: String, _ choices: [JSONValue], _ usage: JSONValue?) -> JSONValue {
    var completion: JSONValue = [
      "id": .string(id), "object": .string(name), "created": .number(JSONNumber(created)), "model": .string(model),
      "choices": .array(choices),
    ]
    completion["usage"] = usage
    return completion
  }

  // MARK: Parts

  static func choice(_ index: Int, text: String?, toolCalls: [JSONValue], finishReason: String) -> JSONValue {
    var message: JSONValue = ["role": "assistant", "content": text.map { .string($0) } ?? .null]
    if !toolCalls.isEmpty { message["tool_calls"] = .array(toolCalls) }
    return ["index": .number(JSONNumber(index)), "message": message, "finish_reason": .string(finishReason)]
  }

  /// - Parameter arguments: JSON as text, which may be a part of it in a chunk.
  static func toolCall(id: String, name: String, arguments: String) -> JSONValue {
    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
  }

  static func usage(prompt: Int, completion: Int) -> JSONValue {
    [
      "prompt_tokens": .number(JSONNumber(prompt)), "completion_tokens": .number(JSONNumber(completion)),
      "total_tokens": .number(JSONNumber(prompt &+ completion)),
    ]
  }
}
