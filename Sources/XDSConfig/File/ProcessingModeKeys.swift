// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI

/// The keys that say which parts of an exchange a callout is sent.
enum ProcessingModeKeys {
  static let all = [
    "request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers",
  ]
}

extension YAMLMap {
  typealias Mode = Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode

  /// A mode, with that of `base` where the file says nothing.
  func processingMode(from base: Mode) throws(ConfigurationFileError) -> Mode {
    var mode = base
    if let sent = try isSent("request_headers") { mode.requestHeaderMode = sent }
    if let sent = try isSent("response_headers") { mode.responseHeaderMode = sent }
    if let body = try body("request_body") {
      mode.requestBodyMode = body
      // Envoy refuses full duplex without.
      if body == .fullDuplexStreamed || body == .grpc { mode.requestTrailerMode = .send }
    }
    if let body = try body("response_body") {
      mode.responseBodyMode = body
      if body == .fullDuplexStreamed || body == .grpc { mode.responseTrailerMode = .send }
    }
    if let sent = try isSent("request_trailers") { mode.requestTrailerMode = sent }
    if let sent = try isSent("response_trailers") { mode.responseTrailerMode = sent }
    return mode
  }

  private func isSent(_ key: String) throws(ConfigurationFileError) -> Mode.HeaderSendMode? {
    guard let value = self[key] else { return nil }
    return try value.bool() ? .send : .skip
  }

  private func body(_ key: String) throws(ConfigurationFileError) -> Mode.BodySendMode? {
    try self[key]?.choice([
      "none": Mode.BodySendMode.none, "streamed": .streamed, "buffered": .buffered,
      "buffered_partial": .bufferedPartial,
      "full_duplex_streamed": .fullDuplexStreamed, "grpc": .grpc,
    ])
  }
}
