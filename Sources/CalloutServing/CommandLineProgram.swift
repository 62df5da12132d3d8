// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
package import Logging

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A server as a program: command line in, exit code out.
package struct CommandLineProgram<Arguments: ParsableArguments> {
  private let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "server"
  private let options: KeyPath<Arguments, ServerOptions>

  /// - Parameter options: where among the arguments those of the server are.
  package init(_ options: KeyPath<Arguments, ServerOptions>) { self.options = options }

  /// Parses the command line and runs `body`; exits with 2 and one line where the server cannot start.
  package func run(_ body: (Arguments, ServerConfiguration, Logger) async throws -> Void) async {
    let arguments = parse(Array(CommandLine.arguments.dropFirst()))
    var logger = Logger(label: name, factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = arguments[keyPath: options].logLevel
    raiseOpenFileLimit()
    do {
      try await body(arguments, try arguments[keyPath: options].configuration(), logger)
    } catch {
      fail("\(error)")
    }
  }

  /// Allows as many descriptors as the system lets us have; the usual 1,024 are few for a server.
  private func raiseOpenFileLimit() {
    var limit = rlimit()
    #if canImport(Glibc)
      let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let openFiles = RLIMIT_NOFILE
    #endif
    guard getrlimit(openFiles, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(openFiles, &limit)
  }

  private func parse(_ arguments: [String]) -> Arguments {
    do {
      return try Arguments.parse(arguments.map(ServerOptions.spelledInKebabCase))
    } catch {
      if Arguments.exitCode(for: error) == .success {
        // The first line names the type of the arguments; here the program stands for it.
        let help = Arguments.fullMessage(for: error).drop { $0 != "\n" }
        print("USAGE: \(name) [options]\(help)")
        exit(0)
      }
      fail("\(Arguments.message(for: error)) (\(name) --help lists the options)")
    }
  }

  private func fail(_ message: String) -> Never {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    var output = "\(name): \(line)\n"
    output.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(2)
  }
}
