// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting

/// An authorization server whose hook a test gives.
final class Asked: AuthorizationServer, @unchecked Sendable {
  private var hook: @Sendable (CheckRequest) throws -> CheckReply = { _ in .allow }

  convenience init(_ hook: @escaping @Sendable (CheckRequest) throws -> CheckReply) {
    self.init()
    self.hook = hook
  }

  override func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply { try hook(request) }
}
