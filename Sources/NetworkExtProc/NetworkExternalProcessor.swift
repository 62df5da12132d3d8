// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
internal import EnvoyAPI
public import Logging

extension NetworkCalloutServer: ServableCallout {
  /// The service `envoy.service.network_ext_proc.v3.NetworkExternalProcessor`, answered by the hooks.
  public func grpcService(logger: Logger) -> GRPCService {
    let service = NetworkService(self, logger: logger)
    return GRPCService(
      "envoy.service.network_ext_proc.v3.NetworkExternalProcessor",
      methods: [GRPCMethod("Process") { call in NetworkCall(call, service) }],
      fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
  }
}
