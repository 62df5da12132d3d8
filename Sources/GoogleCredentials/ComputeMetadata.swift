// SPDX-License-Identifier: Apache-2.0
internal import AsyncHTTPClient
internal import CalloutJSON
internal import NIOCore
internal import NIOHTTP1

/// A token of the metadata server's, and until when it is good.
struct AccessToken {
  let value: String
  let expiry: ContinuousClock.Instant
}

/// What each machine of Compute Engine can ask about itself.
///
/// Source: https://cloud.google.com/compute/docs/metadata/querying-metadata.
struct ComputeMetadata {
  private let base: String
  private let client: HTTPClient

  init(host: String?, client: HTTPClient) {
    let host = host.flatMap { $0.isEmpty ? nil : $0 } ?? "metadata.google.internal"
    base = "http://\(host)/computeMetadata/v1/"
    self.client = client
  }

  func accessToken(now: () -> ContinuousClock.Instant) async throws -> AccessToken {
    // The token's life begins before the answer arrives.
    let asked = now()
    let what = "access token"
    let path = "instance/service-accounts/default/token"
    let text = try await get(path, for: what)
    guard let answer = try? JSONValue(parsing: text), let token = answer["access_token"]?.string,
      let seconds = answer["expires_in"]?.int
    else { throw error(what, path, "the answer is none") }
    return AccessToken(value: token, expiry: asked + .seconds(seconds))
  }

  /// Asks for one value, which is text.
  func get(_ path: String, for what: String) async throws -> String {
    var request = HTTPClientRequest(url: base + path)
    request.headers.add(name: "metadata-flavor", value: "Google")
    let (status, text): (UInt, String)
    do {
      let response = try await client.execute(request, timeout: Self.timeout)
      status = response.status.code
      text = String(buffer: try await response.body.collect(upTo: Self.maxAnswer))
    } catch {
      try Task.checkCancellation()
      throw self.error(what, path, "\(error)")
    }
    guard status == 200 else { throw error(what, path, "status \(status)") }
    return text
  }

  private func error(_ what: String, _ path: String, _ reason: String) -> GoogleCredentialsError {
    let remedy = what == "access token" ? "or set GOOGLE_ACCESS_TOKEN" : "or name the project"
    return GoogleCredentialsError("no \(what) from \(base)\(path): \(reason): run on Google Cloud, \(remedy)")
  }

  /// It answers from beside the machine, within milliseconds.
  private static let timeout = TimeAmount.seconds(5)
  private static let maxAnswer = 64 * 1024
}
