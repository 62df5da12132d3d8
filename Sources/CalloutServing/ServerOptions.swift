// SPDX-License-Identifier: Apache-2.0
public import ArgumentParser
public import CalloutGRPC
public import Logging
public import XDSConfig

/// The command-line options of a server; a program with options of its own includes them as an `@OptionGroup`.
public struct ServerOptions: ParsableArguments {
  @Option(help: "Where to serve gRPC over TLS: host:port, [IPv6]:port, :port or unix:/path. (default: 0.0.0.0:8443)")
  var secureAddress: ListenAddress?

  @Option(help: "Where to serve gRPC over plaintext HTTP/2. (default: 0.0.0.0:8080)")
  var plaintextAddress: ListenAddress?

  @Option(help: "Where to answer HTTP/1.1 health checks. (default: 0.0.0.0:8000)")
  var healthCheckAddress: ListenAddress?

  @Option(
    name: .customLong("proxy-config"),
    help: "YAML file that describes the proxies which this server then configures by xDS, as docs/proxy-yaml.md says.")
  var proxyConfigurationPath: String?

  @Option(help: "Where to serve xDS and REST discovery. (default: 127.0.0.1:18000 with --proxy-config)")
  var xdsAddress: ListenAddress?

  @Option(
    name: .customLong("xds-client-ca"),
    help:
      "PEM file of authorities: serve xDS over TLS, to proxies with a certificate of theirs that has their node's id.")
  var xdsClientAuthoritiesPath: String?

  @Option(help: "Host by which proxies on other machines reach this server. (default: they are on this one)")
  var advertisedHost: String?

  @Flag(help: "Print what an Envoy starts with that gets its configuration from this server, and exit.")
  var printEnvoyBootstrap = false

  @Flag(help: "Print the whole configuration for an Envoy that asks no xDS server, and exit.")
  var printEnvoyConfig = false

  @Flag(help: "Print what is wrong with the description of the proxies, and exit.")
  var check = false

  @Flag(help: "Answer health checks over HTTPS.")
  var secureHealthCheck = false

  @Flag(help: "Have no health check listener; grpc.health.v1 is served with the callouts.")
  var combinedHealthCheck = false

  @Flag(help: "Do not serve plaintext.")
  var disablePlaintext = false

  @Flag(name: .customLong("disable-tls"), help: "Do not serve TLS.")
  var disableTLS = false

  @Option(help: "PEM file of the certificate chain. (default: a self-signed certificate made at start)")
  var certChainPath: String?

  @Option(help: "PEM file of the certificate's private key.")
  var privateKeyPath: String?

  @Option(help: "Event loop threads. (default: one for each core)")
  var threads: Int?

  @Option(help: "Seconds to go on serving after health turned negative, at shutdown. (default: 5)")
  var drainDelay: Double?

  @Option(help: "Seconds for streams to finish after that. (default: 10)")
  var gracePeriod: Double?

  @Option(help: "Least level to log: trace, debug, info, notice, warning, error or critical.")
  public var logLevel: Logger.Level = .info

  public init() {}

  /// The configuration that the options ask for; throws `StartupError` for values that cannot be.
  public func configuration() throws(StartupError) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    if let secureAddress { configuration.secureAddress = secureAddress }
    if let plaintextAddress { configuration.plaintextAddress = plaintextAddress }
    if let healthCheckAddress { configuration.healthCheckAddress = healthCheckAddress }
    if let xdsAddress { configuration.xdsAddress = xdsAddress }
    configuration.xdsClientAuthoritiesPath = xdsClientAuthoritiesPath
    configuration.proxyConfigurationPath = proxyConfigurationPath
    configuration.advertisedHost = advertisedHost
    // A bootstrap says only where discovery is.
    let servesDiscovery = !printEnvoyBootstrap && (xdsAddress != nil || xdsClientAuthoritiesPath != nil)
    configuration.wantsProxy = servesDiscovery || printEnvoyConfig || check
    configuration.proxyCommand = try proxyCommand()
    configuration.secureHealthCheck = secureHealthCheck
    configuration.combinedHealthCheck = combinedHealthCheck
    configuration.disablePlaintext = disablePlaintext
    configuration.disableTLS = disableTLS
    configuration.certificateChainPath = certChainPath
    configuration.privateKeyPath = privateKeyPath
    configuration.threads = threads
    if let drainDelay { configuration.drainDelay = try Self.seconds(drainDelay, "--drain-delay") }
    if let gracePeriod { configuration.gracePeriod = try Self.seconds(gracePeriod, "--grace-period") }
    return configuration
  }

  private func proxyCommand() throws(StartupError) -> ProxyCommand? {
    let commands: [(isAsked: Bool, command: ProxyCommand)] = [
      (printEnvoyBootstrap, .printBootstrap), (printEnvoyConfig, .printConfiguration), (check, .check),
    ]
    let asked = commands.filter(\.isAsked)
    guard asked.count < 2 else {
      throw StartupError("--print-envoy-bootstrap, --print-envoy-config and --check are given together: give one")
    }
    return asked.first?.command
  }

  /// An argument with its option's name in kebab case: `--secure_address` is taken for `--secure-address`.
  package static func spelledInKebabCase(_ argument: String) -> String {
    guard argument.hasPrefix("--") else { return argument }
    let name = argument.prefix { $0 != "=" }
    return name.map { $0 == "_" ? "-" : String($0) }.joined() + argument[name.endIndex...]
  }

  private static func seconds(_ value: Double, _ flag: String) throws(StartupError) -> Duration {
    guard value >= 0, value <= 86_400 else { throw StartupError("\(flag) \(value): give seconds from 0 to 86400") }
    return .seconds(value)
  }
}

extension ListenAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension GRPCTarget: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension ProxyAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
