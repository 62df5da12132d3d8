// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
public import Logging

/// A server as a program that has options of its own beside those of the server.
///
///     @main
///     struct Program: CalloutProgram {
///       @OptionGroup var server: ServerOptions
///       @Option(help: "The word that no body may have.") var word = "secret"
///
///       func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
///         try await WordFilter(word).run(configuration, logger: logger)
///       }
///     }
public protocol CalloutProgram: ParsableArguments {
  /// The server's options.
  var server: ServerOptions { get }

  /// Serves until the program is told to stop; what it throws is the one line that the program fails with.
  ///
  /// - Parameters:
  ///   - configuration: what the server's options ask for.
  ///   - logger: logs to standard error, at the level that the options ask for.
  func run(_ configuration: ServerConfiguration, logger: Logger) async throws
}

extension CalloutProgram {
  /// The program: reads the command line, runs, and exits.
  ///
  /// Exits with 2 after one line of explanation when it cannot start.
  @concurrent
  public static func main() async {
    await CommandLineProgram(\Self.server).run { program, configuration, logger in
      try await program.run(configuration, logger: logger)
    }
  }
}
