// SPDX-License-Identifier: Apache-2.0

/// Refuses a request: thrown by any hook, whatever the failure policy.
///
///     guard headers["authorization"] != nil else { throw Denial("no token") }
///
/// The client gets an answer of the callout's, so that, other than a failure, a denial holds where Envoy's filter has
/// `failure_mode_allow`.
public struct Denial: Error, Sendable, CustomStringConvertible {
  package enum Form: Sendable {
    case immediate(ImmediateResponse)
    case grpcStatus(String)
  }

  package let form: Form

  /// Answers the client with this.
  public init(_ response: ImmediateResponse) { form = .immediate(response) }

  /// Answers the client with 403 and, where one is given, a text.
  ///
  /// - Parameter details: why, for Envoy's access log.
  public init(_ body: String = "", details: String = "denied_by_callout") {
    self.init(ImmediateResponse(status: 403, body: body, details: details))
  }

  /// Ends the gRPC stream with PERMISSION_DENIED, for programs that expect this of a callout.
  ///
  /// Envoy makes a 500 of it, and lets the request pass where its filter has `failure_mode_allow`.
  public static func grpcStatus(_ message: String = "Callout DENIED.") -> Denial {
    Denial(form: .grpcStatus(message))
  }

  private init(form: Form) { self.form = form }

  public var description: String {
    switch form {
    case .immediate(let response): "denied with \(response.status)"
    case .grpcStatus(let message): "denied: \(message)"
    }
  }
}
