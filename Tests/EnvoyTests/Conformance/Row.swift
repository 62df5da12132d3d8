// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import NIOCore
import Testing

/// One rule of Envoy's about ext_proc servers: what a server does, and what is seen of it.
struct Row: Sendable, CustomTestStringConvertible {
  /// What the rule is about, a heading of the document.
  var topic: Topic
  /// What the server does, as a part of a sentence.
  var rule: String
  var filter: @Sendable (inout EnvoyConfiguration.Callout) -> Void
  var envoy: @Sendable (inout EnvoyConfiguration) -> Void = { _ in }
  var request = HTTPRequest()
  var upstream: HTTPUpstream.Responder
  var server: Server
  /// Puts what is seen into a few words.
  var see: @Sendable (Exchange) -> String
  /// What is to be seen.
  var expected: String
  /// What is seen on older versions, where that is something else, by the first and the last of them.
  var older: [ClosedRange<EnvoyVersion>: String] = [:]

  var testDescription: String { "\(topic.rawValue): \(rule)" }

  func expected(on version: EnvoyVersion) -> String {
    older.first { $0.key.contains(version) }?.value ?? expected
  }

  enum Server: Sendable {
    /// Speaks the protocol as written, illegal messages included.
    case script(Script)
    /// A callout of this package.
    case callout(@Sendable () -> CalloutServer)
  }

  enum Topic: String, Sendable, CaseIterable {
    case replies = "Replies and streams"
    case headers = "Header mutations"
    case bodies = "Bodies"
    case duplex = "Full duplex"
    case trailers = "Trailers"
    case overrides = "Mode overrides and timeouts"
    case immediate = "Immediate responses"
    case streamed = "Streamed immediate responses"
    case metadata = "Metadata, attributes and settings"
    case framework = "What a callout of this package does by itself"
  }
}

/// A version of Envoy, without its patch.
enum EnvoyVersion: Int, Sendable, Comparable, CaseIterable {
  case v136 = 36
  case v137, v138, v139, v140

  static func < (one: EnvoyVersion, other: EnvoyVersion) -> Bool { one.rawValue < other.rawValue }

  var name: String { "1.\(rawValue)" }
}

/// What came of one request.
struct Exchange: Sendable {
  /// What the client got, or nil where its connection was closed instead.
  var response: HTTPResponse?
  /// Envoy does not start with this configuration.
  var isConfigurationRefused = false
  /// What the upstream got, in order.
  var upstream: [HTTPRequest]
  /// What the server got, in order.
  var received: [ProcessingRequestMessage]

  /// The status, and where the answer is Envoy's own, why.
  var outcome: String {
    guard !isConfigurationRefused else { return "Envoy refuses the configuration" }
    guard let response else { return "connection closed" }
    // Only what comes before the explanation in braces or behind a colon is the name of the reason.
    let details = response.fields["x-response-code-details"].map { " " + $0.prefix { !"{(:".contains($0) } }
    return "\(response.status)\(details ?? "")"
  }

  /// A header that reached the upstream, with the outcome where that is no success.
  func upstreamHeader(_ name: String) -> String {
    guard response?.status == 200, let request = upstream.last else { return outcome }
    let values = request.fields.values(of: name)
    return "upstream gets " + (values.isEmpty ? "no \(name)" : "\(name): \(values.joined(separator: " and "))")
  }

  /// The body that reached the upstream, with the outcome where that is no success.
  var upstreamBody: String {
    guard response?.status == 200, let request = upstream.last else { return outcome }
    return "upstream gets '\(String(buffer: request.body))'"
  }

  /// The body that the client got, behind the outcome.
  var clientBody: String { "\(outcome), client gets '\(response?.text ?? "")'" }
}
