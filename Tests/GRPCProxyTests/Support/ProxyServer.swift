// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

@testable import GRPCProxy

/// A gRPC server on a port of its own: a backend, or a proxy.
struct LocalServer: Sendable {
  let server: GRPCServer
  let listener: Listener
  /// Known after it has stopped, too.
  let address: SocketAddress
  let identity: TLSIdentity?

  var target: GRPCTarget { GRPCTarget(address) }

  /// - Parameter clientTrustRoots: the issuers of clients' certificates, where those are needed.
  static func start(
    _ services: [GRPCService], at address: SocketAddress? = nil, tls identity: TLSIdentity? = nil,
    clientTrustRoots: [UInt8]? = nil, maxConcurrentStreams: Int = 20_000, logger: Logger = Logger(label: "test"),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) async throws -> LocalServer {
    var configuration = GRPCServer.Configuration()
    configuration.http2.maxConcurrentStreams = maxConcurrentStreams
    let server = GRPCServer(services: services, configuration: configuration, logger: logger)
    var tls: Listener.TLSSource?
    if let identity {
      let context = try TLSContext(
        serverIdentity: identity, protocols: ["h2"], clientTrustRoots: clientTrustRoots)
      tls = { context }
    }
    let requested = try address ?? SocketAddress(ipAddress: "127.0.0.1", port: 0)
    let listener = try await Listener.bind(
      to: requested, group: group, tls: tls
    ) { channel in
      try server.serve(channel)
    }
    return LocalServer(
      server: server, listener: listener, address: listener.address ?? requested, identity: identity)
  }

  /// Ends it with all its connections, as a crash does.
  func stop() async {
    try? await listener.close()
    server.closeConnections()
    await server.drain()
  }

  /// Ends it once its calls have ended, as a restart does.
  func drain() async {
    try? await listener.close()
    await server.drain()
  }

  func connect(
    maxMessageLength: Int = 4 * 1_024 * 1_024, on eventLoop: (any EventLoop)? = nil
  ) async throws -> GRPCChannel {
    var configuration = GRPCChannel.Configuration(tls: identity.map { .trusting($0) })
    configuration.maxMessageLength = maxMessageLength
    return try await .connect(to: target, configuration: configuration, on: eventLoop)
  }

  /// As a backend of a proxy.
  var backend: Backend { Backend(target, tls: identity.map { .trusting($0) }) }
}

/// A proxy in front of backends, and what it said of its calls.
struct ProxyServer: Sendable {
  let server: LocalServer
  let summaries: Summaries

  /// - Parameter services: what its server serves.
  static func start(
    _ director: any StreamDirector, tls identity: TLSIdentity? = nil,
    configuration: GRPCProxy.Configuration = GRPCProxy.Configuration(),
    metrics: ProxyMetrics? = nil, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    services: (GRPCProxy) -> [GRPCService] = { [$0.unknownServices] }
  ) async throws -> ProxyServer {
    let summaries = Summaries()
    var configuration = configuration
    configuration.callEnded = { summaries.note($0) }
    let proxy = GRPCProxy(
      director, configuration: configuration, logger: Logger(label: "test"), metrics: metrics)
    return ProxyServer(
      server: try await .start(services(proxy), tls: identity, group: group), summaries: summaries)
  }

  func connect() async throws -> GRPCChannel { try await server.connect() }
  func stop() async { await server.stop() }
}

/// Calls that have ended at a proxy, in order; each can be waited for.
final class Summaries: Sendable {
  private let all = NIOLockedValueBox<[CallSummary]>([])
  private let (arrivals, arrived) = AsyncStream.makeStream(of: CallSummary.self)

  func note(_ summary: CallSummary) {
    all.withLockedValue { $0.append(summary) }
    arrived.yield(summary)
  }

  /// All so far.
  var noted: [CallSummary] { all.withLockedValue { $0 } }

  /// The next call that has ended and that nobody has asked for yet.
  func next() async -> CallSummary? {
    for await summary in arrivals { return summary }
    return nil
  }
}

/// A director that is a function.
struct Director: StreamDirector {
  let function: @Sendable (IncomingCall) async throws -> CallDirection

  init(_ function: @escaping @Sendable (IncomingCall) async throws -> CallDirection) { self.function = function }

  func direct(_ call: IncomingCall) async throws -> CallDirection { try await function(call) }
}
