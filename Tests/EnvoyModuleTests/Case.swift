// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import Testing

/// One thing that a callout does, which is seen alike over ext_proc and within Envoy.
struct Case: Sendable, CustomTestStringConvertible {
  /// The callout, of `Trials`.
  var trial: String
  var request: HTTPRequest
  var upstream: HTTPUpstream.Responder
  var see: @Sendable (Outcome) -> String
  var expected: String
  /// What is seen within Envoy where that is something else.
  var withinEnvoy: String?

  var testDescription: String { "\(trial): \(request.method) \(request.path) \(request.body.readableBytes)" }

  init(
    _ trial: String, _ request: HTTPRequest = HTTPRequest(),
    upstream: @escaping HTTPUpstream.Responder = Case.answer, see: @escaping @Sendable (Outcome) -> String,
    seen expected: String, withinEnvoy: String? = nil
  ) {
    self.trial = trial
    self.request = request
    self.upstream = upstream
    self.see = see
    self.expected = expected
    self.withinEnvoy = withinEnvoy
  }

  /// Answers every request with a short body.
  static let answer: HTTPUpstream.Responder = { _ in HTTPResponse(fields: ["x-upstream": "1"], body: "answer") }
}

/// What came of a request.
struct Outcome: Sendable {
  /// What the client got, or nil where its connection was closed instead.
  var response: HTTPResponse?
  /// What the upstream got, in order.
  var upstream: [HTTPRequest]

  var status: String { response.map { "\($0.status)" } ?? "connection closed" }
  var bodies: String { "\(status) '\(upstream.last.map { String(buffer: $0.body) } ?? "-")' '\(response?.text ?? "")'" }

  /// Values of headers that reached the upstream.
  func sent(_ names: String...) -> String { Self.text(names, upstream.last?.fields) }
  /// Values of headers that reached the client.
  func got(_ names: String...) -> String { Self.text(names, response?.fields) }
  func sentTrailers(_ names: String...) -> String { Self.text(names, upstream.last?.trailers) }
  func gotTrailers(_ names: String...) -> String { Self.text(names, response?.trailers) }

  private static func text(_ names: [String], _ fields: HTTPFields?) -> String {
    names.map { name in (fields?.values(of: name)).map { $0.isEmpty ? "-" : $0.joined(separator: "+") } ?? "-" }
      .joined(separator: " ")
  }
}
