// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
public import Callouts
internal import EnvoyAPI
public import Logging

extension CalloutServer: ServableCallout {
  /// The service `envoy.service.ext_proc.v3.ExternalProcessor`, answered by the hooks.
  public func grpcService(logger: Logger) -> GRPCService {
    let service = ProcessService(self, logger: logger)
    return GRPCService(
      "envoy.service.ext_proc.v3.ExternalProcessor",
      methods: [GRPCMethod("Process") { call in ProcessCall(call, service) }],
      fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
  }
}
