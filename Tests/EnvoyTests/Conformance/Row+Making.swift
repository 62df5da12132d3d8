// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting

extension Row {
  typealias Filter = @Sendable (inout EnvoyConfiguration.Callout) -> Void

  /// A row with a scripted server.
  init(
    _ topic: Topic, _ rule: String, filter: @escaping Filter = { _ in }, request: HTTPRequest = HTTPRequest(),
    upstream: @escaping HTTPUpstream.Responder = Row.upstream, script: @escaping Script,
    see: @escaping @Sendable (Exchange) -> String = \.outcome, seen expected: String,
    older: [ClosedRange<EnvoyVersion>: String] = [:]
  ) {
    self.init(
      topic: topic, rule: rule, filter: Self.promptly(filter), request: request, upstream: upstream,
      server: .script(script), see: see, expected: expected, older: older)
  }

  /// A row with a callout of this package.
  init(
    framework rule: String, filter: @escaping Filter = { _ in }, request: HTTPRequest = HTTPRequest(),
    upstream: @escaping HTTPUpstream.Responder = Row.upstream, callout: @escaping @Sendable () -> CalloutServer,
    see: @escaping @Sendable (Exchange) -> String = \.outcome, seen expected: String
  ) {
    self.init(
      topic: .framework, rule: rule, filter: filter, request: request, upstream: upstream,
      server: .callout(callout), see: see, expected: expected)
  }

  /// Scripts answer at once, so that only those that are meant to run into Envoy's default timeout; but a busy machine
  /// may take its time.
  private static func promptly(_ filter: @escaping Filter) -> Filter {
    { callout in
      callout.messageTimeout = .seconds(10)
      filter(&callout)
    }
  }

  /// What Envoy 1.36 does, where it is something else.
  static func beforeVersion137(_ seen: String) -> [ClosedRange<EnvoyVersion>: String] { [.v136 ... .v136: seen] }

  /// Answers every request with a short body.
  static let upstream: HTTPUpstream.Responder = { _ in HTTPResponse(fields: ["x-upstream": "1"], body: "answer") }

  static let post = HTTPRequest("POST", body: "hello")
  static let chunkedPost = HTTPRequest("POST", body: "hello", isChunked: true)

  static func requestBody(_ mode: BodySendMode) -> Filter {
    { callout in
      callout.processingMode.requestBodyMode = mode
      if mode == .fullDuplexStreamed { callout.processingMode.requestTrailerMode = .send }
    }
  }

  static func responseBody(_ mode: BodySendMode) -> Filter {
    { callout in
      callout.processingMode.responseBodyMode = mode
      if mode == .fullDuplexStreamed { callout.processingMode.responseTrailerMode = .send }
    }
  }

  static let allowingFailures: Filter = { $0.failureModeAllow = true }
}

extension ProcessingRequestMessage {
  var isRequestHeaders: Bool { if case .requestHeaders = request { true } else { false } }
  var isResponseHeaders: Bool { if case .responseHeaders = request { true } else { false } }
  var isRequestBody: Bool { if case .requestBody = request { true } else { false } }
  var isResponseBody: Bool { if case .responseBody = request { true } else { false } }
  var isRequestTrailers: Bool { if case .requestTrailers = request { true } else { false } }
  var isResponseTrailers: Bool { if case .responseTrailers = request { true } else { false } }
}

/// Answers request headers with these replies, and everything else without an opinion.
func answeringRequestHeaders(_ replies: ProcessingResponseMessage...) -> Script {
  answering { $0.isRequestHeaders ? replies : nil }
}

/// The same for response headers.
func answeringResponseHeaders(_ replies: ProcessingResponseMessage...) -> Script {
  answering { $0.isResponseHeaders ? replies : nil }
}

/// The same for a request's body.
func answeringRequestBody(_ replies: ProcessingResponseMessage...) -> Script {
  answering { $0.isRequestBody ? replies : nil }
}
