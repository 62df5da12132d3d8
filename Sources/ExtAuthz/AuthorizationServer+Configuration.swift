// SPDX-License-Identifier: Apache-2.0
public import Callouts

extension AuthorizationServer {
  /// How hooks are run, and what happens when one fails.
  public struct Configuration: Sendable {
    /// Where hooks run.
    public var hookExecutor = HookExecutor.eventLoop
    /// What happens to a request whose hook throws, or answers what Envoy would refuse.
    public var failurePolicy = FailurePolicy.failCall

    public init() {}
  }

  public enum FailurePolicy: Sendable {
    /// The call ends with a gRPC status. Envoy answers with its filter's `status_on_error`, 403 by default, or lets the
    /// request pass where the filter has `failure_mode_allow`.
    case failCall
    /// The request is denied, and its client gets this answer, also where the filter has `failure_mode_allow`.
    case deny(ImmediateResponse)
  }
}
