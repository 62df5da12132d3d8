// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
public import CalloutServing
public import Callouts
public import Logging

extension CalloutServer {
  /// The server as a service that runs beside others in a `ServiceGroup`.
  public func service(
    _ configuration: ServerConfiguration = ServerConfiguration(), logger: Logger = Logger(label: "ext_proc")
  ) -> CalloutService {
    CalloutService([.externalProcessor(self, logger: logger)], configuration: configuration, logger: logger)
  }

  /// Serves until SIGTERM or SIGINT, then drains.
  ///
  /// Throws `StartupError` when the configuration cannot be used or an address not be bound.
  public func run(
    _ configuration: ServerConfiguration = ServerConfiguration(), logger: Logger = Logger(label: "ext_proc")
  ) async throws {
    try await service(configuration, logger: logger).runUntilSignalled()
  }

  /// The program of a subclass marked `@main`: reads the command line, serves, and exits.
  ///
  /// Exits with 2 after one line of explanation when it cannot start.
  @concurrent
  public static func main() async {
    await CommandLineProgram(\ServerOptions.self).run { _, configuration, logger in
      try await Self().run(configuration, logger: logger)
    }
  }
}
