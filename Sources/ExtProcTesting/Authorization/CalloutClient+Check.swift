// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import EnvoyAPI
public import ExtAuthz

extension CalloutClient {
  /// Asks an authorization server about a request; throws the `GRPCStatus` of a call that fails.
  ///
  /// - Parameters:
  ///   - metadata: what Envoy sends as its `initial_metadata`.
  ///   - timeout: the call's deadline from now, 200 ms in an Envoy that is not told.
  public func check(
    _ message: CheckRequestMessage, metadata: Metadata = [:], timeout: Duration? = nil
  ) async throws -> CheckResponseMessage {
    try await channel.unary(
      "/envoy.service.auth.v3.Authorization/Check", message, metadata: metadata, timeout: timeout)
  }
}
