// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import Testing
import XDS
import XDSConfig

@Suite("A proxy that cannot be configured") struct ProxyConfigurationTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let change: @Sendable (inout ProxyConfiguration) -> Void

    init(_ error: String, _ change: @escaping @Sendable (inout ProxyConfiguration) -> Void) {
      testDescription = error
      self.change = change
    }
  }

  @Test("says why", arguments: cases) func says(_ example: Case) {
    var proxy = Examples.small
    example.change(&proxy)
    let error = #expect(throws: ConfigurationProblem.self) { try proxy.resources() }
    #expect(error?.description == example.testDescription)
    #expect(proxy.problems().map(\.description) == [example.testDescription])
  }

  static let cases = [
    Case("listener 'web': there is no callout 'AddHeader': none is described") { $0.callouts = [] },
    Case("callout 'AddHeader': there are two of that name; rename one") { $0.callouts.append(addHeader) },
    Case(
      "listener 'web': the callout 'NoTelnet' is asked about connections; "
        + "an HTTP listener takes only those about HTTP: leave it out"
    ) {
      $0.callouts.append(noTelnet)
      $0.setListener { $0.callouts = ["NoTelnet"] }
    },
    Case(
      "listener 'tcp': the callout 'AddHeader' is asked about HTTP, which a TCP listener does not understand; leave it out"
    ) { $0.listeners.append(.tcp(.init("tcp", at: .init("::", 1), to: "api", callouts: ["AddHeader"]))) },
    Case("upstream 'api': it has no address; give it one") { $0.upstreams[0].endpoints = [] },
    Case("upstream 'api': EDS takes addresses, not names; give addresses or leave EDS out") {
      $0.upstreams[0].endpoints = [.init("name", 1)]
      $0.upstreams[0].usesEDS = true
    },
    Case("upstream 'api': dns 'first' takes one name alone; use 'all', or give one endpoint") {
      $0.upstreams[0].endpoints = [.init("one", 1), .init("two", 1)]
      $0.upstreams[0].dns = .firstAddress
    },
    Case("upstream 'xds_cluster': the bootstrap has the xDS server under that name; rename it") {
      $0.upstreams[0].name = "xds_cluster"
    },
    Case("listener 'web', host 1: it has no domain; give it one, or '*' for every domain") {
      $0.setListener { $0.hosts[0].domains = [] }
    },
    Case("listener 'web': its TLS has no certificate; give it one") { $0.setListener { $0.tls = ServerTLS(nil) } },
    Case("listener 'web', host 'all', route 1: it has no upstream; name one") {
      $0.setListener { $0.hosts[0].routes[0].action = .forward(.init(to: [])) }
    },
    Case("listener 'web', host 'all', route 1: the listener has no callout 'Other': one of AddHeader") {
      $0.setListener { $0.hosts[0].routes[0].callouts = ["Other": .off] }
    },
    Case(
      "listener 'web', host 'all', route 1: a path that is matched by a regex has no prefix to rewrite; leave it out"
    ) {
      var forward = ProxyConfiguration.Forward(to: "api")
      forward.prefixRewrite = "/"
      $0.setListener { [forward] in $0.hosts[0].routes = [.init(.regex(".*"), .forward(forward))] }
    },
  ]

  @Test("a route to an upstream that is not there is found") func unknownUpstream() {
    var proxy = Examples.small
    proxy.upstreams[0].name = "other"
    #expect(
      proxy.problems().map(\.description) == [
        "RouteConfiguration 'web': there is no cluster 'api': one of callout, other"
      ])
  }

  @Test("AC-120: a proxy before httpbin takes few lines") func httpbin() throws {
    let yaml = """
      listeners:
      - name: httpbin-demo
        address: 0.0.0.0:15001
        idle_timeout: 300s
        request_timeout: 15s
        edge: false
        routes:
        - prefix: /
          upstream: httpbin_service
      upstreams:
      - name: httpbin_service
        endpoints: httpbin:8000
        dns: first
        balancing: round_robin
      """
    let proxy = try ProxyConfiguration(yaml: yaml)
    #expect(proxy.problems() == [])
    let resources = try proxy.resources()
    #expect(
      resources.map { "\($0.reference)" } == [
        "Cluster 'httpbin_service'", "Listener 'httpbin-demo'", "RouteConfiguration 'httpbin-demo'",
      ])
    let cluster: ClusterMessage = try resources.message(.cluster, "httpbin_service")
    #expect(cluster.type == .logicalDns)
    #expect(cluster.lbPolicy == .roundRobin)
    #expect(cluster.connectTimeout.seconds == 5)
    let listener: ListenerMessage = try resources.message(.listener, "httpbin-demo")
    let manager = try ConnectionManager(
      serializedBytes: listener.filterChains[0].filters[0].typedConfig.value)
    #expect(manager.commonHTTPProtocolOptions.idleTimeout.seconds == 300)
    #expect(manager.streamIdleTimeout.seconds == 300 && manager.requestTimeout.seconds == 15)
  }

  @Test(
    "addresses",
    arguments: [
      ("10.0.0.1:80", ProxyAddress.ip("10.0.0.1", 80), false), ("[::1]:80", .ip("::1", 80), false),
      (":80", .ip("0.0.0.0", 80), false), ("a.internal:80", .ip("a.internal", 80), true),
      ("1.2.3.256:80", .ip("1.2.3.256", 80), true), ("unix:/a", .unix("/a"), false),
    ])
  func addresses(text: String, address: ProxyAddress, isName: Bool) {
    #expect(ProxyAddress(text) == address)
    #expect(ProxyAddress(address.description) == address)
    #expect(address.isName == isName)
  }

  @Test(
    "no addresses",
    arguments: ["", "80", "::1:80", "[]:80", "[a]:80", "a:65536", "a:+1", "a b:1", "http://a:1", "unix:"])
  func noAddress(text: String) { #expect(ProxyAddress(text) == nil) }
}

extension ProxyConfiguration {
  fileprivate mutating func setListener(_ change: (inout HTTPListener) -> Void) {
    guard case .http(var listener) = listeners[0] else { return }
    change(&listener)
    listeners[0] = .http(listener)
  }
}
