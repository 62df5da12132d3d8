// SPDX-License-Identifier: Apache-2.0

import ExtProc

// What is known of one exchange, from the phase on that tells it.

/// What the request asks for, or nil where it is none of ours.
enum RequestedEndpoint: CalloutContextKey {
  static let defaultValue: Endpoint? = nil
}

/// Names of the request's headers that do not go to the provider.
enum ClientHeaders: CalloutContextKey {
  static let defaultValue: [String] = []

  /// What is the connection's, is overwritten, or says nothing of who asks.
  private static let kept: Set = [
    "host", "content-length", "transfer-encoding", "content-type", "accept", "accept-encoding", "user-agent",
    "x-litellm-routed", "x-request-id", "traceparent", "tracestate", "x-forwarded-proto",
  ]

  /// Envoy's own headers and pseudo-headers are not for a callout to remove.
  static func areForGateway(_ name: String) -> Bool {
    !kept.contains(name) && !name.hasPrefix(":") && !name.hasPrefix("x-envoy")
  }

  /// Envoy takes 100 changes to a reply; some are the provider's.
  static let most = 80
}

/// How the provider was asked; nil where no provider was.
struct ExpectedAnswer: CalloutContextKey {
  static let defaultValue: ExpectedAnswer? = nil

  var isStream: Bool
  /// Nil where the provider answers as OpenAI does.
  var dialect: (any Dialect)?
}

/// What becomes of the response's body.
enum Answer: CalloutContextKey {
  static let defaultValue = Answer.passing

  case passing
  case whole(WholeAnswer)
  case events(AnswerEvents)

  mutating func receive(_ piece: HTTPBody) -> BodyReply {
    switch self {
    case .passing: return .continue
    case .whole(var whole):
      self = .passing
      defer { self = .whole(whole) }
      return whole.receive(piece).map { .replace($0) } ?? .continue
    case .events(var events):
      self = .passing
      defer { self = .events(events) }
      return .replace(events.receive(piece))
    }
  }
}
