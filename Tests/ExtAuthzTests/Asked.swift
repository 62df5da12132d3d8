// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting

/// An authorization server whose hook a test gives.
final class Asked: AuthorizationServer, @unchecked Sendable {
  typealias Hook = @Sendable (CheckRequest, CheckContext) async throws -> CheckReply

  private var settings = Configuration()
  private var hook: Hook = { _, _ in .allow }

  convenience init(
    executor: HookExecutor = .eventLoop, policy: FailurePolicy = .failCall, _ hook: @escaping Hook
  ) {
    self.init()
    settings.hookExecutor = executor
    settings.failurePolicy = policy
    self.hook = hook
  }

  convenience init(_ reply: CheckReply) { self.init { _, _ in reply } }

  override var configuration: Configuration { settings }

  override func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply {
    try await hook(request, context)
  }
}
