// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
internal import EnvoyAPI
public import Logging

/// Decides which requests a proxy lets pass: subclass it and override `onCheck`.
///
/// One object decides about all requests at once, so a subclass is `Sendable`: what it stores is constant, or guarded.
/// Hooks run on the event loop of their connection: they may wait with `await`, but must not block or compute for long,
/// unless `configuration` moves them off the loop.
open class AuthorizationServer: ServableCallout, @unchecked Sendable {
  // Unchecked because a class that is open cannot be checked; this one stores nothing.

  public required init() {}

  /// How hooks are run, and what happens when one fails; read once, when serving begins.
  open var configuration: Configuration { Configuration() }

  /// A request arrived at the proxy, which holds it back until this is answered.
  ///
  /// A `Denial` that is thrown denies the request, whatever the failure policy. Any other error is a failure; so is a
  /// reply that Envoy would refuse. The task is cancelled when the proxy gives the call up.
  open func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply { .allow }

  /// The service `envoy.service.auth.v3.Authorization`, answered by `onCheck`.
  public func grpcService(logger: Logger) -> GRPCService {
    let service = CheckService(self, logger: logger)
    return GRPCService(
      "envoy.service.auth.v3.Authorization",
      methods: [GRPCMethod("Check") { call in CheckCall(call, service) }],
      fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
  }
}
