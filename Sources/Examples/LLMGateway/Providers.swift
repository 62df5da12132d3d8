// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import ExtProc
import NIOCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// All providers, by the name that a model's name begins with.
struct Providers: Sendable {
  private let byName: [String: any Provider]

  /// - Parameters:
  ///   - environment: has each provider's credentials as `<PROVIDER>_API_KEY`.
  ///   - vertex: reaches Vertex AI, by default as the environment says.
  init(environment: [String: String] = ProcessInfo.processInfo.environment, vertex: Vertex? = nil) {
    let providers: [any Provider] = [
      OpenAICompatible("openai", at: "api.openai.com", "/v1", environment),
      OpenAICompatible("groq", at: "api.groq.com", "/openai/v1", environment),
      OpenAICompatible("openrouter", at: "openrouter.ai", "/api/v1", environment),
      Anthropic(APIKey(of: "anthropic", in: environment)),
      vertex ?? Vertex(environment: environment),
    ]
    byName = Dictionary(uniqueKeysWithValues: providers.map { ($0.name, $0) })
  }

  /// Reads the body of a request.
  func call(_ endpoint: Endpoint, with body: HTTPBody) throws(GatewayError) -> (ModelCall, any Provider) {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: body.bytes.readableBytesView)
    } catch {
      throw .invalid("the body is \(error)")
    }
    guard let model = json["model"]?.string, !model.isEmpty else {
      throw .invalid("'model' is missing: name a model, such as anthropic/claude-sonnet-4-5")
    }
    let (provider, name) = try choose(model)
    return (ModelCall(endpoint: endpoint, provider: provider.name, model: name, body: json), provider)
  }

  /// Splits a name such as `groq/llama-3.3-70b`; one without a slash is OpenAI's.
  private func choose(_ model: String) throws(GatewayError) -> (any Provider, model: String) {
    let parts = model.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let (prefix, name) = parts.count == 2 ? (parts[0], parts[1]) : ("openai", model)
    guard let provider = byName[prefix] else {
      throw .invalid("'model' has an unknown provider; known are \(byName.keys.sorted().joined(separator: ", "))")
    }
    // It becomes the value of a header.
    guard !name.isEmpty, name.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw .invalid("'model' is no name of a model")
    }
    return (provider, name)
  }
}

/// What a provider knows the gateway by.
struct APIKey: Sendable {
  private let variable: String
  private let value: String?

  init(of provider: String, in environment: [String: String]) {
    variable = provider.uppercased() + "_API_KEY"
    value = environment.word(variable)
  }

  func get() throws(GatewayError) -> String {
    guard let value else { throw .noCredentials("set \(variable) where the gateway runs") }
    return value
  }
}

extension [String: String] {
  /// A variable's value without white space: one that comes from a file often ends in a line break, which no header
  /// may have. Nil where nothing is left.
  func word(_ variable: String) -> String? {
    self[variable]?.split(whereSeparator: \.isWhitespace).first.map(String.init)
  }
}
