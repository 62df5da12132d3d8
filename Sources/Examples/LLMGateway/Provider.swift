// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// Who has models and answers requests.
protocol Provider: Sendable {
  /// What stands before the slash in a model's name.
  var name: String { get }

  /// Puts a call in the provider's form.
  ///
  /// Throws `GatewayError` where it has none, and whatever keeps the gateway from making it.
  func request(for call: ModelCall) async throws -> ProviderRequest

  /// Translates the answers to a call; nil where the provider answers as OpenAI does.
  func dialect(for call: ModelCall) -> (any Dialect)?
}

/// A request in OpenAI's form, as far as it is the same for all providers.
struct ModelCall {
  var endpoint: Endpoint
  var provider: String
  /// The model's name, as the provider knows it.
  var model: String
  var body: JSONValue

  var isStreaming: Bool { body["stream"]?.bool == true }
  /// The client wants to know at the end of a stream what it cost.
  var wantsUsage: Bool { body["stream_options"]?["include_usage"]?.bool == true }

  /// Refuses what only OpenAI's own form has.
  func requireChat() throws(GatewayError) {
    guard endpoint == .chatCompletions else {
      throw .invalid("\(provider) has no \(endpoint.rawValue): use chat/completions")
    }
  }
}

/// What is sent to a provider.
struct ProviderRequest {
  var authority: String
  /// The path with its query.
  var path: String
  var headers: [(name: String, value: String)]
  var body: JSONValue
}

/// Makes OpenAI's answers of a provider's; one for each exchange.
protocol Dialect: Sendable {
  /// The `chat.completion` of a whole answer; nil where it is no answer of the provider's.
  func completion(of answer: JSONValue) -> JSONValue?

  /// The `chat.completion.chunk`s of an event of a stream.
  mutating func chunks(of event: JSONValue) -> [JSONValue]

  /// The provider says that no event follows. Where it does not, the end of the body does.
  func isLast(_ event: JSONValue) -> Bool
}
