// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC

/// A callout did what Envoy fails a request for.
///
/// The description says what the client gets, which rule was broken, and what to do.
public struct ExchangeFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// The status of Envoy's response, or nil where a response was on its way already, which Envoy then resets.
  public internal(set) var status: Int?
  /// Envoy's response code details, as in `%RESPONSE_CODE_DETAILS%` of its access logs.
  public let responseCodeDetails: String
  /// The rule and what to do.
  public let reason: String
  /// Whether `failure_mode_allow` lets the exchange go on.
  let canBeAllowed: Bool

  init(_ status: Int, _ details: String, canBeAllowed: Bool = false, _ reason: String) {
    self.status = status
    responseCodeDetails = String(details.map { $0 == " " ? "_" : $0 })
    self.canBeAllowed = canBeAllowed
    self.reason = reason
  }

  public var description: String {
    let outcome = status.map { "Envoy answers \($0)" } ?? "Envoy resets the response, whose headers the client has,"
    return "\(outcome) (\(responseCodeDetails)): \(reason)"
  }
}

extension ExchangeFailure {
  /// A reply that Envoy did not wait for. Its status is that of `status_on_error`.
  static func spurious(_ details: String = "spurious message", reason: String) -> ExchangeFailure {
    ExchangeFailure(500, details, canBeAllowed: true, reason)
  }

  /// A reply that Envoy waited for, with something in it that it refuses.
  static func refused(_ details: String, _ reason: String) -> ExchangeFailure {
    ExchangeFailure(500, details, reason)
  }

  static func messageTimeout(_ part: String, _ time: Duration) -> ExchangeFailure {
    ExchangeFailure(
      504, "ext_proc_error_per-message_timeout_exceeded", canBeAllowed: true,
      "no reply to \(part) within \(time); reply to every message, or ask for time with override_message_timeout")
  }

  static func idle(_ part: String, _ time: Duration) -> ExchangeFailure {
    ExchangeFailure(
      504, "stream_idle_timeout",
      "nothing happened for \(time) while Envoy waits for \(part); reply to every piece, and in full duplex end the "
        + "body with end_of_stream or a reply to the trailers")
  }

  static func stream(_ status: GRPCStatus) -> ExchangeFailure {
    ExchangeFailure(
      // What Envoy's client of gRPC has to say stands behind the status's own message.
      500, "ext_proc_error_gRPC_error_\(status.code.rawValue){\(status.message){via_upstream}}", canBeAllowed: true,
      "the stream ended with \(status); end it with OK, and deny a request with an immediate response")
  }

  static func tooLarge(_ direction: String, status: Int, _ limit: Int) -> ExchangeFailure {
    ExchangeFailure(
      status, "\(direction)_payload_too_large",
      "the \(direction)'s body has more than the \(limit) bytes that Envoy buffers; use STREAMED, "
        + "BUFFERED_PARTIAL or FULL_DUPLEX_STREAMED")
  }
}
