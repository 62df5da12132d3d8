// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import Logging
public import XDSConfig

/// A callout server of any kind: a program, or a service beside others.
///
///     try await CalloutService([AddHeader(), BlockIP()], logger: logger).runUntilSignalled()
public protocol ServableCallout: AnyObject, Sendable {
  init()

  /// The gRPC service whose calls the hooks answer; `logger` is what they log to.
  func grpcService(logger: Logger) -> GRPCService

  /// What the filter of a proxy has to be like that asks this callout.
  var calloutFilter: CalloutFilter { get }
}

extension ServableCallout {
  /// The same with a logger of the server's name.
  public func grpcService() -> GRPCService { grpcService(logger: Logger(label: "\(Self.self)")) }

  /// The server as a service that runs beside others in a `ServiceGroup`.
  public func service(
    _ configuration: ServerConfiguration = ServerConfiguration(), logger: Logger = Logger(label: "\(Self.self)")
  ) -> CalloutService {
    CalloutService([self], configuration: configuration, logger: logger)
  }

  /// Serves until SIGTERM or SIGINT, then drains.
  ///
  /// Throws `StartupError` when the configuration cannot be used or an address not be bound.
  public func run(
    _ configuration: ServerConfiguration = ServerConfiguration(), logger: Logger = Logger(label: "\(Self.self)")
  ) async throws {
    try await service(configuration, logger: logger).runUntilSignalled()
  }

  /// The program of a class marked `@main`: reads the command line, serves, and exits.
  ///
  /// Exits with 2 after one line of explanation when it cannot start.
  @concurrent
  public static func main() async {
    await CommandLineProgram(\ServerOptions.self).run { _, configuration, logger in
      try await Self().run(configuration, logger: logger)
    }
  }
}
