// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Logging
import NIOConcurrencyHelpers
import Testing
import XDS
import XDSConfig

/// What a real Envoy makes of a control plane that comes back, or that sends nonsense.
@Suite(.enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct ControlPlaneTests {
  private static func proxy(to upstream: ListenAddress, path: String = "/") throws -> ProxyConfiguration {
    ProxyConfiguration(
      listeners: [
        .http(.init("main", at: .ip("127.0.0.1", 0), routes: [.init(.prefix(path), to: "upstream")]))
      ],
      upstreams: [.init("upstream", at: [try ProxyAddress(upstream)])])
  }

  @Test(
    "A control plane that starts anew sends an Envoy nothing that it has", .timeLimit(.minutes(1)),
    arguments: XDSBootstrap.Transport.allCases)
  func restart(transport: XDSBootstrap.Transport) async throws {
    try await withHTTPUpstream { upstream in
      let socket = temporarySocket()
      let configuration = try Self.proxy(to: upstream.address)
      let (cache, again) = (SnapshotCache(), SnapshotCache())
      for cache in [cache, again] { cache.publish(try Snapshot(try configuration.resources())) }
      let first = try await RunningServer.start(Self.service(XDSServer(cache), socket))
      try await withEnvoy(bootstrap: try bootstrap(socket, transport)) { envoy in
        let sent = SentNames()
        let tally = try await ConstantLoad.during([(envoy.address, nil)]) { response in
          response.status == 200 ? nil : "\(response.status)"
        } _: { load in
          try await first.stop()
          let second = try await RunningServer.start(Self.service(XDSServer(again, callbacks: sent), socket))
          // Envoy is back once it has answered something new.
          await sent.connected()
          var changed = configuration
          changed.upstreams[0].connectTimeout = .seconds(7)
          let report = again.publish(try Snapshot(try changed.resources()))
          #expect(await report.converged().map(\.result) == [.acknowledged])
          await load.more(10)
          try await second.stop()
        }
        #expect(tally.failures == [] && tally.requests > 10)
        // In State of the World, routes are asked for by name, so that they are told again.
        let expected: Set = transport == .delta ? ["upstream"] : ["upstream", "main"]
        #expect(Set(sent.names) == expected)
        #expect(sent.names.count == expected.count)
      }
    }
  }

  private static func service(_ server: XDSServer, _ socket: ListenAddress) -> CalloutService {
    var configuration = ServerConfiguration.loopback
    configuration.xdsAddress = socket
    return CalloutService([], controlPlane: server, configuration: configuration, logger: LogRecorder().logger)
  }

  @Test(
    "A configuration that Envoy refuses is told once, reported, and not sent again", .timeLimit(.minutes(1)),
    arguments: XDSBootstrap.Transport.allCases)
  func refused(transport: XDSBootstrap.Transport) async throws {
    try await withHTTPUpstream { upstream in
      let sent = SentNames()
      var configuration = try Self.proxy(to: upstream.address)
      try await withControlledProxy(configuration, transport, callbacks: sent) { proxy in
        guard case .http(var listener) = configuration.listeners[0] else { return }
        listener.hosts[0].routes = [.init(.regex("(unclosed"), to: "upstream")]
        configuration.listeners[0] = .http(listener)
        let report = proxy.cache.publish(
          try Snapshot(try configuration.resources(), reusing: proxy.cache.snapshot()))
        let outcomes = await report.converged()
        guard case .refused(let resources)? = outcomes.first?.result else {
          Issue.record("not refused: \(outcomes)")
          return
        }
        #expect(outcomes.count == 1 && outcomes[0].node == "test")
        #expect(resources.map(\.reference) == [ResourceReference(.routeConfiguration, "main")])
        #expect(resources[0].detail.contains("unclosed"))
        #expect(proxy.log.entries(atLeast: .warning).map(\.message).filter { $0.contains("refused") }.count == 1)
        // It goes on with what it had, and with what is good.
        #expect(try await HTTPConnection.connect(to: proxy.envoy.address).get("/").status == 200)
        let before = sent.names
        listener.hosts[0].routes = [.init(.prefix("/"), .respond(status: 418, body: ""))]
        configuration.listeners[0] = .http(listener)
        try await proxy.publish(configuration)
        #expect(sent.names == before + ["main"])
        #expect(try await HTTPConnection.connect(to: proxy.envoy.address).get("/").status == 418)
      }
    }
  }
}

/// The names of the resources that were sent, in order.
final class SentNames: XDSCallbacks {
  private let sent = NIOLockedValueBox<[String]>([])
  private let requests = AsyncStream<ResourceType>.makeStream()

  var names: [String] { sent.withLockedValue { $0 } }

  /// Waits until a client has asked for listeners, which Envoy does after clusters.
  func connected() async { for await type in requests.stream where type == .listener { return } }

  func requestReceived(_ request: DiscoveryRequest, on stream: DiscoveryStreamInfo) async throws {
    requests.continuation.yield(request.type)
  }

  func responseReady(_ response: DiscoveryResponse, on stream: DiscoveryStreamInfo) async throws {
    sent.withLockedValue { $0 += response.names }
  }
}
