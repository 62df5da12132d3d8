// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import Callouts
internal import EnvoyAPI
public import Logging

extension GRPCService {
  /// The service `envoy.service.ext_proc.v3.ExternalProcessor`, answered by a callout.
  public static func externalProcessor(_ server: CalloutServer, logger: Logger) -> GRPCService {
    let service = ProcessService(server, logger: logger)
    return GRPCService(
      "envoy.service.ext_proc.v3.ExternalProcessor",
      methods: [GRPCMethod("Process") { call in ProcessCall(call, service) }],
      fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
  }
}
