// SPDX-License-Identifier: Apache-2.0

/// An error of the callout protocol: what was wrong, and on whose side.
public struct CalloutError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was wrong.
  public enum Code: Sendable, Hashable {
    /// The proxy sent bytes that are not a ProcessingRequest.
    case malformedRequest
    /// The callout answers with something that Envoy would refuse.
    case illegalReply
    /// A hook took longer than the soft deadline.
    case lateHook
    /// A body is longer than the callout takes.
    case bodyTooLong
    /// A body comes in a mode in which the callout cannot handle it as its configuration says.
    case unsuitableBodyMode
  }

  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }

  package static func malformed(_ message: String) -> CalloutError {
    CalloutError(.malformedRequest, "malformed ProcessingRequest: \(message)")
  }

  package static func illegal(_ message: String) -> CalloutError {
    CalloutError(.illegalReply, "Envoy would refuse this reply: \(message)")
  }
}
