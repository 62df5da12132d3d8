// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import GoogleCredentials

/// Google's models on Vertex AI. Source: Vertex AI's API, `projects.locations.publishers.models`.
struct Vertex: Provider {
  /// Gives a bearer token of Google Cloud.
  typealias TokenSource = @Sendable () async throws -> String

  let name = "vertex_ai"
  let project: String?
  private let region: String
  private let token: TokenSource

  /// - Parameters:
  ///   - project: by default the one that the environment names.
  ///   - region: the same, or else us-central1.
  ///   - token: by default that of the environment, or of the machine's service account.
  init(
    project: String? = nil, region: String? = nil, environment: [String: String], token: TokenSource? = nil
  ) {
    self.project = project ?? environment.word("GCP_PROJECT_ID")
    self.region = region ?? environment.word("GCP_REGION") ?? "us-central1"
    let credentials = GoogleCredentials(environment: environment)
    self.token = token ?? { try await credentials.accessToken() }
  }

  func request(for call: ModelCall) async throws -> ProviderRequest {
    try call.requireChat()
    guard let project else { throw GatewayError.failure("no project: give --project or set GCP_PROJECT_ID") }
    let body = try VertexRequest(try ChatRequest(call.body)).body
    // The model is the client's word: it stays one segment of the path.
    let model = call.model.addingPercentEncoding(keeping: "-._@")
    let method = call.isStreaming ? "streamGenerateContent?alt=sse" : "generateContent"
    return ProviderRequest(
      authority: region == "global" ? "aiplatform.googleapis.com" : "\(region)-aiplatform.googleapis.com",
      path: "/v1/projects/\(project)/locations/\(region)/publishers/google/models/\(model):\(method)",
      headers: [("authorization", "Bearer \(try await token())")], body: body)
  }

  func dialect(for call: ModelCall) -> (any Dialect)? {
    VertexDialect(model: call.model, wantsUsage: call.wantsUsage)
  }
}

extension String {
  /// Letters and digits stay as they are too. Source: RFC 3986 §2.
  fileprivate func addingPercentEncoding(keeping others: String) -> String {
    utf8.reduce(into: "") { text, byte in
      let character = Character(Unicode.Scalar(byte))
      if character.isASCII, character.isLetter || character.isNumber || others.contains(character) {
        text.append(character)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        text += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
  }
}
