// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import CalloutTransport
import ExtProc
import ExtProcTesting
import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing
import XDS
import XDSConfig

@testable import AddHeader

private let oldEnvoy = ProcessInfo.processInfo.environment["ENVOY_1_36"]

/// Changes of everything that travels, one after the other, while requests never stop.
@Suite(.enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct UpdateTests {
  @Test("50 updates under load fail no request", .timeLimit(.minutes(3)), arguments: XDSBootstrap.Transport.allCases)
  func updates(transport: XDSBootstrap.Transport) async throws {
    try await update(transport, EnvoyProcess.executable)
  }

  @Test(
    "50 updates under load fail no request of Envoy 1.36", .timeLimit(.minutes(3)),
    .enabled(if: oldEnvoy != nil, "needs Envoy 1.36: set $ENVOY_1_36 to its path"),
    arguments: XDSBootstrap.Transport.allCases)
  func updatesOfOldEnvoy(transport: XDSBootstrap.Transport) async throws { try await update(transport, oldEnvoy) }

  private func update(_ transport: XDSBootstrap.Transport, _ executable: String?) async throws {
    try await withHTTPUpstream { one in
      try await withHTTPUpstream { other in
        try await withRunningServer(AddHeader()) { callout in
          var plan = try UpdatePlan([one.address, other.address], callout.addresses)
          try await withControlledProxy(plan.proxy, transport, executable: executable) { proxy in
            let plain = try await proxy.address(of: "plain")
            let secure = try await proxy.address(of: "secure")
            let tally = try await ConstantLoad.during(
              [(plain, nil), (plain, nil), (plain, nil), (secure, plan.trusted)]
            ) { response in
              response.status == 200 && response.fields["header-response"] == "response"
                ? nil : "\(response.status) \(response.text)"
            } _: { load in
              for step in 0..<50 {
                plan.take(step)
                try await proxy.publish(plan.proxy)
                await load.more(20)
              }
            }
            #expect(tally.failures == [])
            #expect(tally.requests > 1_000)
            #expect(proxy.log.entries(atLeast: .warning).map(\.description) == [])
            #expect(try await proxy.envoy.statistic("cluster_manager.cds.update_rejected") == 0)
            #expect(try await proxy.envoy.statistic("listener_manager.lds.update_rejected") == 0)
          }
        }
      }
    }
  }
}

/// A proxy that changes step by step: clusters, routes, endpoints, filters, secrets and listeners come, change and go.
struct UpdatePlan {
  private(set) var proxy: ProxyConfiguration
  private let upstreams: [ProxyAddress]
  private let certificates: [ProxyCertificate]
  /// The certificates that the secure listener has, now or later.
  let trusted: [UInt8]

  init(_ upstreams: [ListenAddress], _ callout: CalloutService.Addresses) throws {
    self.upstreams = try upstreams.map { try ProxyAddress($0) }
    let identities = [try TLSIdentity.selfSigned(), try TLSIdentity.selfSigned()]
    certificates = identities.map {
      ProxyCertificate(
        chain: .inline(String(decoding: $0.certificateChain, as: UTF8.self)),
        privateKey: .inline(String(decoding: $0.privateKey, as: UTF8.self)))
    }
    trusted = identities.flatMap(\.certificateChain)
    var filter = CalloutFilter.ExtProc { $0.requestTrailerMode = .skip }
    filter.messageTimeout = .seconds(10)
    let server = CalloutServerLocation([try ProxyAddress(callout.plaintext ?? .ip("127.0.0.1", 0))])
    proxy = ProxyConfiguration(callouts: [Callout("AddHeader", .extProc(filter), at: server)])
    proxy.upstreams = [upstream("cluster-0", 0)]
    proxy.listeners = [.http(listener("plain", to: "cluster-0")), .http(listener("secure", to: "cluster-0"))]
    use(certificates[0])
  }

  private func upstream(_ name: String, _ index: Int) -> ProxyConfiguration.Upstream {
    var upstream = ProxyConfiguration.Upstream(name, at: [upstreams[index % 2]])
    upstream.usesEDS = true
    return upstream
  }

  private func listener(_ name: String, to cluster: String) -> ProxyConfiguration.HTTPListener {
    ProxyConfiguration.HTTPListener(
      name, at: .ip("127.0.0.1", 0), routes: [ProxyConfiguration.Route(.prefix("/"), to: cluster)],
      callouts: ["AddHeader"])
  }

  private mutating func changeListeners(_ change: (inout ProxyConfiguration.HTTPListener) -> Void) {
    proxy.listeners = proxy.listeners.map { listener in
      guard case .http(var http) = listener else { return listener }
      change(&http)
      return .http(http)
    }
  }

  private mutating func use(_ certificate: ProxyCertificate) {
    changeListeners { if $0.name == "secure" { $0.tls = ServerTLS(certificate) } }
  }

  /// Takes a step; each changes what is in use.
  mutating func take(_ step: Int) {
    let round = step / 8
    switch step % 8 {
    case 0:
      // Another cluster takes over, and the one before it goes.
      let name = "cluster-\(round + 1)"
      proxy.upstreams = [upstream(name, round)]
      changeListeners { $0.hosts[0].routes = [ProxyConfiguration.Route(.prefix("/"), to: name)] }
    case 1: proxy.upstreams[0].endpoints = upstreams
    case 2: proxy.upstreams[0].endpoints = [upstreams[round % 2]]
    case 3:
      guard case .extProc(var filter) = proxy.callouts[0].filter else { return }
      filter.messageTimeout = .seconds(20 + step)
      proxy.callouts[0].filter = .extProc(filter)
    case 4: use(certificates[(round + 1) % 2])
    case 5:
      changeListeners {
        $0.hosts[0].routes.insert(
          ProxyConfiguration.Route(.prefix("/other"), .respond(status: 404, body: "\(step)")), at: 0)
      }
    case 6: proxy.upstreams[0].connectTimeout = .seconds(6 + round)
    default:
      if proxy.listeners.count == 2 {
        proxy.listeners.append(.http(listener("more-\(round)", to: proxy.upstreams[0].name)))
      } else {
        proxy.listeners.removeLast()
      }
    }
  }
}
