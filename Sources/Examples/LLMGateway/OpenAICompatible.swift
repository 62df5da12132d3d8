// SPDX-License-Identifier: Apache-2.0

import CalloutJSON

/// A provider that speaks as OpenAI does: only the model's name changes, and answers pass byte for byte.
struct OpenAICompatible: Provider {
  let name: String
  private let authority: String
  private let base: String
  private let key: APIKey

  init(_ name: String, at authority: String, _ base: String, _ environment: [String: String]) {
    self.name = name
    self.authority = authority
    self.base = base
    key = APIKey(of: name, in: environment)
  }

  func request(for call: ModelCall) throws -> ProviderRequest {
    var body = call.body
    body["model"] = .string(call.model)
    return ProviderRequest(
      authority: authority, path: "\(base)/\(call.endpoint.rawValue)",
      headers: [("authorization", "Bearer \(try key.get())")], body: body)
  }

  func dialect(for call: ModelCall) -> (any Dialect)? { nil }
}
