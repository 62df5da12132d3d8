// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import CalloutTransport
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
public import ServiceLifecycle
public import XDS
internal import XDSConfig

/// gRPC services on their listeners, with health beside them, from start to drain.
///
/// Without services, as where there is a control plane alone, it listens for none.
///
/// A `Service`: run it in a `ServiceGroup`, whose graceful shutdown drains it.
public final class CalloutService: Service {
  private let services: [GRPCService]
  private let controlPlane: XDSServer?
  /// The callouts among the services, for the proxies that are configured here.
  private let callouts: [(name: String, filter: CalloutFilter)]
  private let configuration: ServerConfiguration
  let logger: Logger

  /// The health that probes are told; a callout may set it too, such as while what it depends on is missing.
  public let health = HealthService()

  private let started: AsyncStream<Addresses>
  private let startedContinuation: AsyncStream<Addresses>.Continuation

  /// The addresses that were bound, with the ports that the kernel chose.
  public struct Addresses: Sendable, Hashable {
    public var secure: ListenAddress?
    public var plaintext: ListenAddress?
    public var healthCheck: ListenAddress?
    public var xds: ListenAddress?
    /// The certificate that TLS clients see, PEM.
    public var certificateChain: [UInt8] = []
  }

  /// Callouts, and where the configuration describes a proxy, a control plane that has it use them.
  public convenience init(
    _ callouts: [any ServableCallout], configuration: ServerConfiguration = ServerConfiguration(), logger: Logger
  ) {
    self.init(
      callouts.map { $0.grpcService(logger: logger) },
      callouts: callouts.map { ("\(type(of: $0))", $0.calloutFilter) }, controlPlane: nil, configuration, logger)
  }

  /// Services of any kind.
  ///
  /// - Parameter controlPlane: served at `configuration.xdsAddress`.
  public convenience init(
    _ services: [GRPCService], controlPlane: XDSServer? = nil,
    configuration: ServerConfiguration = ServerConfiguration(), logger: Logger
  ) {
    self.init(services, callouts: [], controlPlane: controlPlane, configuration, logger)
  }

  private init(
    _ services: [GRPCService], callouts: [(name: String, filter: CalloutFilter)], controlPlane: XDSServer?,
    _ configuration: ServerConfiguration, _ logger: Logger
  ) {
    self.services = services
    self.callouts = callouts
    self.controlPlane = controlPlane
    self.configuration = configuration
    self.logger = logger
    (started, startedContinuation) = AsyncStream.makeStream()
  }

  /// The bound addresses, once the server serves; nil when it ended before that. To be asked once.
  public var addresses: Addresses? {
    get async { await started.first { _ in true } }
  }

  /// Serves until the graceful shutdown, then drains.
  ///
  /// Throws `StartupError` when the configuration cannot be used or an address not be bound.
  public func run() async throws {
    defer { startedContinuation.finish() }
    try validate()
    let proxy = try describedProxy()
    // What is wrong with it is to be known before anything listens.
    _ = try proxy?.current()
    Allocator.keepFreedMemory()
    let tls = try makeTLS()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads ?? System.coreCount)
    let server = makeServer()
    do {
      try await serve(server, tls, group, proxy.map { ProxyControl($0, configuration, logger: logger) })
    } catch {
      server.closeConnections()
      try? await group.shutdownGracefully()
      throw error
    }
    try? await group.shutdownGracefully()
  }

  private func serve(
    _ server: GRPCServer, _ tls: TLSIdentitySource?, _ group: MultiThreadedEventLoopGroup, _ control: ProxyControl?
  ) async throws {
    let listeners = try await bind(server, tls, group)
    let discovery: DiscoveryEndpoint?
    do {
      discovery = try await bindDiscovery(controlPlane ?? control?.controlPlane, tls)
    } catch {
      for listener in listeners.all { try? await listener.close() }
      throw error
    }
    for service in services where !service.isForUnknownMethods { health.set(.serving, for: service.name) }
    health.set(.serving)
    let addresses = addresses(of: listeners, discovery, tls)
    announce(addresses)
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await self.reloadCertificates(tls) }
      tasks.addTask { await control?.run(addresses) }
      await waitForShutdown()
      tasks.cancelAll()
    }
    await drain(server, listeners)
    await discovery?.stop()
  }

  private func waitForShutdown() async {
    // Ends on graceful shutdown, and on cancellation, which is a shutdown in a hurry.
    try? await gracefulShutdown()
  }

  // MARK: Proxies

  /// The proxy that is to be configured, or nil. Throws `StartupError` for options that cannot be.
  private func describedProxy() throws(StartupError) -> ProxyDescription? {
    guard controlPlane == nil else {
      guard configuration.proxyConfigurationPath == nil, configuration.proxy == nil else {
        throw StartupError("--proxy-config is given to a server that has a control plane of its own: leave it out")
      }
      guard [nil, .printBootstrap].contains(configuration.proxyCommand) else {
        throw StartupError("--check and --print-envoy-config are for servers that take --proxy-config: leave them out")
      }
      return nil
    }
    return try ProxyDescription(callouts, configuration)
  }

  /// Does what the options ask for instead of serving; returns whether there was such a thing.
  func runProxyCommand() throws -> Bool {
    guard let command = configuration.proxyCommand else { return false }
    try command.run(try describedProxy(), configuration)
    return true
  }

  // MARK: Start

  private func validate() throws(StartupError) {
    guard !(configuration.disableTLS && configuration.disablePlaintext) || services.isEmpty else {
      throw StartupError("--disable-tls and --disable-plaintext are both given: leave one listener enabled")
    }
    let names = services.map(\.name)
    if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw StartupError("\(name) is served twice: one of the two would never be asked; leave one out")
    }
    if let threads = configuration.threads, threads < 1 {
      throw StartupError("--threads \(threads): give at least 1")
    }
  }

  private var servesTLS: Bool { !services.isEmpty && !configuration.disableTLS }
  private var servesPlaintext: Bool { !services.isEmpty && !configuration.disablePlaintext }

  private func makeTLS() throws -> TLSIdentitySource? {
    let isNeeded =
      servesTLS || configuration.xdsClientAuthoritiesPath != nil
      || (configuration.secureHealthCheck && !configuration.combinedHealthCheck)
    return isNeeded ? try TLSIdentitySource(configuration, logger: logger) : nil
  }

  private func makeServer() -> GRPCServer {
    let limits = configuration.limits
    var grpc = GRPCServer.Configuration()
    grpc.maxMessageLength = limits.messageSize
    grpc.http2.maxConcurrentStreams = limits.streamsPerConnection
    grpc.http2.maxHeaderListSize = limits.headerListSize
    grpc.http2.resetBudget = ResetBudget.Limit(
      burst: limits.unansweredResets, perSecond: limits.unansweredResetsPerSecond)
    grpc.limits.prefaceTimeout = TimeAmount(limits.handshakeTime)
    grpc.limits.idleTimeout = limits.idleTime.map { TimeAmount($0) }
    var all = services
    if configuration.servesHealth { all.append(health.service) }
    if configuration.servesReflection {
      all += ReflectionService(reflecting: all.filter { !$0.isForUnknownMethods }).services
    }
    return GRPCServer(services: all, configuration: grpc, logger: logger)
  }

  private func bindDiscovery(
    _ controlPlane: XDSServer?, _ tls: TLSIdentitySource?
  ) async throws -> DiscoveryEndpoint? {
    guard let controlPlane else { return nil }
    let source =
      configuration.xdsClientAuthoritiesPath == nil ? nil : tls.map { tls in { @Sendable in tls.mutualContext } }
    return try await DiscoveryEndpoint.bind(
      controlPlane, health, threads: services.isEmpty ? configuration.threads ?? System.coreCount : 1, logger: logger
    ) { group, initializer in
      try await listen(configuration.xdsAddress, "--xds-address", group, tls: source, initializer)
    }
  }

  private struct Listeners {
    var secure: Listener?
    var plaintext: Listener?
    var healthCheck: Listener?

    var all: [Listener] { [secure, plaintext, healthCheck].compactMap { $0 } }
  }

  private func bind(
    _ server: GRPCServer, _ tls: TLSIdentitySource?, _ group: any EventLoopGroup
  ) async throws -> Listeners {
    if configuration.combinedHealthCheck, let page = configuration.healthPages.keys.min() {
      throw StartupError("--combined-health-check leaves no listener that could show \(page)")
    }
    let source = tls.map { tls -> Listener.TLSSource in { @Sendable in tls.context } }
    var listeners = Listeners()
    do {
      if servesTLS {
        listeners.secure = try await listen(
          configuration.secureAddress, "--secure-address", group, tls: source, server.serve)
      }
      if servesPlaintext {
        listeners.plaintext = try await listen(
          configuration.plaintextAddress, "--plaintext-address", group, tls: nil, server.serve)
      }
      if !configuration.combinedHealthCheck {
        let (health, pages) = (health, configuration.healthPages)
        listeners.healthCheck = try await listen(
          configuration.healthCheckAddress, "--health-check-address", group,
          tls: configuration.secureHealthCheck ? source : nil
        ) { channel in
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(HealthHTTPHandler(health: health, pages: pages))
        }
      }
    } catch {
      for listener in listeners.all { try? await listener.close() }
      throw error
    }
    return listeners
  }

  private func listen(
    _ address: ListenAddress, _ flag: String, _ group: any EventLoopGroup, tls: Listener.TLSSource?,
    _ initializer: @escaping @Sendable (any Channel) throws -> Void
  ) async throws -> Listener {
    var limits = Listener.Limits()
    limits.maxConnections = configuration.limits.connections
    limits.maxHandshakes = configuration.limits.handshakes
    limits.handshakeTimeout = TimeAmount(configuration.limits.handshakeTime)
    do {
      return try await Listener.bind(
        to: address.resolve(), group: group, tls: tls, limits: limits, initializer: initializer)
    } catch let error as IOError {
      throw StartupError("\(flag) \(address): cannot listen: \(error.explanation)")
    } catch {
      throw StartupError("\(flag) \(address): cannot listen: \(error): check the address")
    }
  }

  private func addresses(
    of listeners: Listeners, _ discovery: DiscoveryEndpoint?, _ tls: TLSIdentitySource?
  ) -> Addresses {
    Addresses(
      secure: listeners.secure?.address.map { ListenAddress($0) },
      plaintext: listeners.plaintext?.address.map { ListenAddress($0) },
      healthCheck: listeners.healthCheck?.address.map { ListenAddress($0) },
      xds: discovery?.listener.address.map { ListenAddress($0) },
      certificateChain: tls?.certificateChain ?? [])
  }

  private func announce(_ addresses: Addresses) {
    var metadata: Logger.Metadata = [
      "services": "\(services.map(\.name).joined(separator: ","))",
      "secure": "\(addresses.secure.map(\.description) ?? "off")",
      "plaintext": "\(addresses.plaintext.map(\.description) ?? "off")",
      "health": "\(addresses.healthCheck.map(\.description) ?? "off")",
    ]
    if let xds = addresses.xds { metadata["xds"] = "\(xds)" }
    logger.notice("serving", metadata: metadata)
    startedContinuation.yield(addresses)
  }

  private func reloadCertificates(_ tls: TLSIdentitySource?) async {
    guard let tls, configuration.certificateChainPath != nil else { return }
    while (try? await Task.sleep(for: configuration.certificateReloadInterval)) != nil { tls.reload() }
  }

  // MARK: Drain

  private func drain(_ server: GRPCServer, _ listeners: Listeners) async {
    logger.notice(
      "draining", metadata: ["delay": "\(configuration.drainDelay)", "grace": "\(configuration.gracePeriod)"])
    health.setAll(.notServing)
    try? await Task.sleep(for: configuration.drainDelay)
    for listener in [listeners.secure, listeners.plaintext] { try? await listener?.close() }
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await server.drain() }
      tasks.addTask { await self.endAfterGracePeriod(server) }
      await tasks.next()
      tasks.cancelAll()
    }
    try? await listeners.healthCheck?.close()
    logger.notice("stopped")
  }

  /// Ends what is left when the grace period is over; never returns before the connections are gone, unless cancelled.
  private func endAfterGracePeriod(_ server: GRPCServer) async {
    guard (try? await Task.sleep(for: configuration.gracePeriod)) != nil else { return }
    server.finishCalls()
    guard (try? await Task.sleep(for: Self.lastWords)) != nil else { return }
    server.closeConnections()
  }

  /// Time for the last statuses to reach the proxies.
  private static let lastWords = Duration.seconds(1)
}

extension IOError {
  fileprivate var explanation: String {
    switch errnoCode {
    case EADDRINUSE: "the port is taken: stop what listens there, or give another"
    case EACCES: "not permitted: give a port above 1023, or run with the privilege"
    case EADDRNOTAVAIL: "no interface of this machine has the address: give one that has"
    default: "\(self)"
    }
  }
}
