// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Testing

@testable import LLMGateway

/// A gateway that has credentials for everyone.
enum Gateway {
  static let environment = [
    "OPENAI_API_KEY": "sk-openai\n", "GROQ_API_KEY": "sk-groq", "OPENROUTER_API_KEY": "sk-router",
    "ANTHROPIC_API_KEY": "sk-ant-test",
  ]

  static func make(token: @escaping Vertex.TokenSource = { "fake-adc-token" }) -> LLMGateway {
    let vertex = Vertex(project: "test-project", region: "us-central1", environment: [:], token: token)
    return LLMGateway(Providers(environment: environment, vertex: vertex))
  }

  /// A chat with a model, and further members as JSON.
  static func chat(_ model: String, _ members: String = #""messages":[{"role":"user","content":"hi"}]"#) -> String {
    #"{"model":"\#(model)",\#(members)}"#
  }
}

extension CalloutHarness {
  /// Sends a request and returns the answer to its body.
  func post(_ body: String, to path: String = "/v1/chat/completions") async throws -> ProcessingResponseMessage {
    _ = try await reply(to: .requestHeaders([":path": path]))
    return try await reply(to: .requestBody(body, endOfStream: true))
  }

  /// Sends a piece of the response and returns what goes to the client for it, nil where it passes as it came.
  func receive(_ piece: String, endOfStream: Bool = false) async throws -> String? {
    let mutation = try await reply(to: .responseBody(piece, endOfStream: endOfStream)).responseBody.response
      .bodyMutation
    return switch mutation.mutation {
    case .body(let bytes): String(decoding: bytes, as: UTF8.self)
    case .clearBody_p: ""
    default: nil
    }
  }
}

extension ProcessingResponseMessage {
  /// The headers that the answer to the request's body sets.
  var setHeaders: [String: String] {
    let options = requestBody.response.headerMutation.setHeaders
    return Dictionary(
      uniqueKeysWithValues: options.map { ($0.header.key, String(decoding: $0.header.rawValue, as: UTF8.self)) })
  }

  /// What the provider gets.
  var upstreamJSON: JSONValue {
    get throws { try JSONValue(parsing: requestBody.response.bodyMutation.body) }
  }

  /// What the client is told instead.
  var error: (status: Int, type: String?, message: String?) {
    let json = try? JSONValue(parsing: immediateResponse.body)
    return (immediateResponse.status.code.rawValue, json?["error"]?["type"]?.string, json?["error"]?["message"]?.string)
  }
}

/// The data of the events of a stream as it reaches a client; the time of each is left out, for it is that of the test.
func receivedEvents(in stream: String) throws -> [JSONValue] {
  try stream.split(separator: "\n\n").map { event in
    try #require(event.hasPrefix("data: "))
    let data = event.dropFirst(6)
    return data == "[DONE]" ? "[DONE]" : try withoutTime(JSONValue(parsing: String(data)))
  }
}

func withoutTime(_ completion: JSONValue) -> JSONValue {
  var completion = completion
  completion["created"] = nil
  return completion
}
