// SPDX-License-Identifier: Apache-2.0

// Passes gRPC calls on to other servers, whatever their services, and logs a line for each.
//
//   swift run Proxy --to 127.0.0.1:50051
//   swift run Proxy --config proxy.yaml
//
// docs/grpc-proxy-yaml.md explains the file, which is read again when it changes.

import ArgumentParser
import CalloutGRPC
import CalloutServing
import GRPCProxy
import Logging

@main
struct Proxy: CalloutProgram {
  @OptionGroup var server: ServerOptions
  @Option(help: "Where all calls go, by plaintext: host:port, [IPv6]:port or unix:/path.") var to: GRPCTarget?
  @Option(help: "YAML file that says which calls go where.") var config: String?
  @Flag(help: "Pass grpc.health.v1 on too, instead of answering for the proxy.") var passHealth = false
  @Flag(help: "Pass reflection on too, instead of answering for the proxy.") var passReflection = false
  @Flag(help: "Append the client's address to x-forwarded-for.") var forwardedFor = false

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let (routes, file) = try routes()
    let router = try GRPCRouter(routes, logger: logger)
    async let _ = Self.follow(file, router, logger)
    try await CalloutService(
      [proxy(router, logger).unknownServices], configuration: serving(configuration), logger: logger
    ).runUntilSignalled()
  }

  private func routes() throws -> (GRPCProxyConfiguration, GRPCProxyConfigurationFile?) {
    switch (to, config) {
    case (let target?, nil): return (GRPCProxyConfiguration(to: Backend(target)), nil)
    case (nil, let path?):
      let file = try GRPCProxyConfigurationFile(path)
      return (file.configuration, file)
    default: throw StartupError("give one of --to and --config")
    }
  }

  private func proxy(_ router: GRPCRouter, _ logger: Logger) -> GRPCProxy {
    var configuration = GRPCProxy.Configuration()
    configuration.appendsForwardedFor = forwardedFor
    configuration.callEnded = { call in logger.info("call", metadata: call.logMetadata) }
    return GRPCProxy(router, configuration: configuration, logger: logger)
  }

  private func serving(_ configuration: ServerConfiguration) -> ServerConfiguration {
    var configuration = configuration
    configuration.servesHealth = !passHealth
    configuration.servesReflection = !passReflection
    return configuration
  }

  private static func follow(_ file: GRPCProxyConfigurationFile?, _ router: GRPCRouter, _ logger: Logger) async {
    await file?.watch(logger: logger) { configuration in
      do {
        try router.update(configuration)
      } catch {
        logger.error("the routes stay as they were", metadata: ["error": "\(error)"])
      }
    }
  }
}
