// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
public import Logging
internal import ServiceLifecycle

/// A server of callouts that runs inside the test's own process.
///
/// Safe to use from any thread.
public final class RunningServer: Sendable {
  /// Where it listens, with the ports that the kernel chose.
  public let addresses: CalloutService.Addresses
  /// The health that probes are told.
  public let health: HealthService

  private let group: ServiceGroup
  private let run: Task<Void, any Error>

  private init(
    _ service: CalloutService, _ addresses: CalloutService.Addresses, _ group: ServiceGroup,
    _ run: Task<Void, any Error>
  ) {
    health = service.health
    self.addresses = addresses
    self.group = group
    self.run = run
  }

  /// Starts a service and returns once it serves; throws `StartupError` when it cannot.
  ///
  /// Whoever starts one stops it; `withRunningServer` does both.
  public static func start(_ service: CalloutService) async throws -> RunningServer {
    let group = ServiceGroup(
      services: [service], logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    let run = Task { try await group.run() }
    guard let addresses = await service.addresses else {
      try await run.value
      throw StartupError("the server ended before it served")
    }
    return RunningServer(service, addresses, group, run)
  }

  /// Begins the graceful shutdown and returns at once.
  public func beginShutdown() async { await group.triggerGracefulShutdown() }

  /// Shuts down gracefully and returns when everything has ended; throws what the service threw.
  public func stop() async throws {
    await beginShutdown()
    try await run.value
  }

  /// A client on a connection of its own to the plaintext listener.
  public func client() async throws -> CalloutClient {
    guard let address = addresses.plaintext else { throw StartupError("the server has no plaintext listener") }
    return try await CalloutClient.connect(to: address)
  }

  /// A client on a connection of its own to the TLS listener, whose certificate it trusts.
  public func secureClient() async throws -> CalloutClient {
    guard let address = addresses.secure else { throw StartupError("the server has no TLS listener") }
    return try await CalloutClient.connect(to: address, trusting: addresses.certificateChain)
  }
}

/// Serves a callout while `body` runs, then shuts it down gracefully.
///
///     try await withRunningServer(AddHeader()) { server in
///       let stream = try await server.client().stream()
///       let reply = try await stream.reply(to: .requestHeaders([":path": "/"]))
///     }
public func withRunningServer<Result>(
  _ callout: any ServableCallout, configuration: ServerConfiguration = .loopback,
  logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
  _ body: (RunningServer) async throws -> Result
) async throws -> Result {
  try await withRunningServer(callout.service(configuration, logger: logger), body)
}

/// Runs a service while `body` runs, then shuts it down gracefully.
public func withRunningServer<Result>(
  _ service: CalloutService, _ body: (RunningServer) async throws -> Result
) async throws -> Result {
  let server = try await RunningServer.start(service)
  let result: Result
  do {
    result = try await body(server)
  } catch {
    try? await server.stop()
    throw error
  }
  try await server.stop()
  return result
}

extension ServerConfiguration {
  /// Every listener on the loopback interface with a port that the kernel chooses, and a shutdown without delay.
  public static var loopback: ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.secureAddress = .ip("127.0.0.1", 0)
    configuration.plaintextAddress = .ip("127.0.0.1", 0)
    configuration.healthCheckAddress = .ip("127.0.0.1", 0)
    configuration.xdsAddress = .ip("127.0.0.1", 0)
    configuration.drainDelay = .zero
    configuration.gracePeriod = .milliseconds(200)
    return configuration
  }
}
