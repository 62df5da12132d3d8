// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Testing

@Suite("A gRPC proxy's file") struct GRPCProxyFileTests {
  /// A key, and what it changes.
  struct Key<Value>: Sendable, CustomTestStringConvertible {
    let text: String
    let change: @Sendable (inout Value) -> Void

    init(_ text: String, _ change: @escaping @Sendable (inout Value) -> Void) {
      self.text = text
      self.change = change
    }

    var testDescription: String { text }
  }

  @Test("without other keys it says what the values say by themselves") func defaults() throws {
    let target = try #require(GRPCTarget("h:1"))
    let proxy = try GRPCProxyConfiguration(yaml: "backends: { name: a, endpoints: 'h:1' }\nroutes: { backend: a }")
    #expect(proxy == .init(backendSets: [.init("a", [.init(target)])], routes: [.init(.forward(to: "a"))]))
  }

  @Test(
    "each key of a backend",
    arguments: [
      Key<BackendSet>("balancing: round_robin") { $0.balancing = .roundRobin },
      Key("balancing: least_request") { $0.balancing = .leastRequest },
      Key("authority: api.example.com:80") { $0.backends[0].authority = "api.example.com:80" },
      Key("tls: true") { $0.backends[0].tls = .init() },
      Key("tls: false") { $0.backends[0].tls = nil },
      Key("tls: { server_name: api }") { $0.backends[0].tls = .init(serverName: "api") },
      Key("tls: { insecure: false }") { $0.backends[0].tls = .init() },
      Key("tls: { insecure: true }") {
        $0.backends[0].tls = .init()
        $0.backends[0].tls?.verifiesServer = false
      },
      Key("tls: { subject_alt_names: 'spiffe://a/b' }") {
        $0.backends[0].tls = .init()
        $0.backends[0].tls?.subjectAltNames = ["spiffe://a/b"]
      },
      Key("health_check: true") { $0.healthCheck = .init() },
      Key("health_check: false") { $0.healthCheck = nil },
      Key("health_check: { service: a.B }") {
        $0.healthCheck = .init()
        $0.healthCheck?.service = "a.B"
      },
      Key("health_check: { interval: 1m, timeout: 2s, unhealthy_threshold: 3, healthy_threshold: 4 }") {
        $0.healthCheck = .init()
        $0.healthCheck?.interval = .seconds(60)
        $0.healthCheck?.timeout = .seconds(2)
        $0.healthCheck?.unhealthyThreshold = 3
        $0.healthCheck?.healthyThreshold = 4
      },
      Key("outlier_detection: none") { $0.outlierDetection = nil },
      Key("outlier_detection: { consecutive_failures: 2, ejection_time: 1s, max_ejection_time: 2s }") {
        $0.outlierDetection?.consecutiveFailures = 2
        $0.outlierDetection?.ejectionTime = .seconds(1)
        $0.outlierDetection?.maxEjectionTime = .seconds(2)
      },
      Key("resolution_interval: 500ms") { $0.resolutionInterval = .milliseconds(500) },
      Key("connect_timeout: 1s") { $0.connection.connectTimeout = .seconds(1) },
      Key("keepalive: { interval: 1h }") { $0.connection.keepalive = .init(every: .seconds(3_600)) },
      Key("keepalive: { interval: 1h, timeout: 5s, without_calls: true }") {
        $0.connection.keepalive = .init(every: .seconds(3_600))
        $0.connection.keepalive?.timeout = .seconds(5)
        $0.connection.keepalive?.withoutCalls = true
      },
      Key("max_connections: 2") { $0.connection.maxConnections = 2 },
      Key("idle_time: 2m") { $0.connection.idleTime = .seconds(120) },
    ])
  func backend(key: Key<BackendSet>) throws {
    var expected = BackendSet("a", [Backend(try #require(GRPCTarget("h:1")))])
    key.change(&expected)
    let proxy = try GRPCProxyConfiguration(
      yaml: "backends:\n- name: a\n  endpoints: 'h:1'\n  \(key.text)\nroutes: { backend: a }")
    #expect(proxy.backendSets == [expected])
  }

  @Test("endpoints are addresses, or say what is different for one") func endpoints() throws {
    let proxy = try GRPCProxyConfiguration(
      yaml: """
        backends:
          name: a
          endpoints: ["[::1]:1", unix:/a/b, { address: 'h:1', tls: false }, { address: 'h:1', authority: other }]
          tls: true
          authority: usual
        routes: { backend: a }
        """)
    let backends = proxy.backendSets[0].backends
    #expect(backends.map(\.target.description) == ["[::1]:1", "unix:/a/b", "h:1", "h:1"])
    #expect(backends.map(\.tls) == [.init(), .init(), nil, .init()])
    #expect(backends.map(\.authority) == ["usual", "usual", "usual", "other"])
  }

  @Test(
    "each key of a route",
    arguments: [
      Key<GRPCRoute>("authority: a.example.com:443") { $0.match.authority = "a.example.com:443" },
      Key("authority: '*.example.com'") { $0.match.authority = "*.example.com" },
      Key("service: a.b.C") { $0.match.service = "a.b.C" }, Key("service: a.b.*") { $0.match.service = "a.b.*" },
      Key("method: List") { $0.match.method = "List" },
      Key("metadata: { X-A: 1, x-b: null, x-c: '', x-d-bin: }") {
        $0.match.metadata = ["x-a": "1", "x-b": nil, "x-c": "", "x-d-bin": nil]
      },
      Key("deadline: 90s") { $0.deadline = .seconds(90) },
      Key("max_message_size: 4096") { $0.maxMessageLength = 4_096 },
      Key("set_metadata: { X-A: 1, x-b: [c, d] }") { $0.setMetadata = ["x-a": "1", "x-b": "c", "x-b": "d"] },
      Key("remove_metadata: [X-A, x-b-bin]") { $0.removedMetadata = ["x-a", "x-b-bin"] },
    ])
  func route(key: Key<GRPCRoute>) throws {
    var expected = GRPCRoute(.forward(to: "a"))
    key.change(&expected)
    let proxy = try GRPCProxyConfiguration(
      yaml: "backends: { name: a, endpoints: 'h:1' }\nroutes:\n- backend: a\n  \(key.text)")
    #expect(proxy.routes == [expected])
  }

  @Test("calls are refused with any code but OK", arguments: 1...16) func refusal(number: Int) throws {
    let code = GRPCStatus.Code(rawValue: number)
    let proxy = try GRPCProxyConfiguration(yaml: "routes: { refuse: { code: \(code), message: 'not, here' } }")
    #expect(proxy == .init(backendSets: [], routes: [.init(.refuse(.init(code, "not, here")))]))
  }

  @Test("certificates and keys are looked for from the file's folder, from the root, or are in the file")
  func certificates() throws {
    try ProxyFolder.with { folder in
      let inline = String(decoding: folder.identity.privateKey, as: UTF8.self)
        .split(separator: "\n").map { "      \($0)" }.joined(separator: "\n")
      let proxy = try folder.read(
        """
        backends:
          name: a
          endpoints: 'h:1'
          tls:
            ca: ca.pem
            certificate: \(folder.path("proxy.pem"))
            private_key: |
        \(inline)
        routes: { backend: a }
        """)
      let tls = try #require(proxy.backendSets[0].backends[0].tls)
      #expect(tls.trustRoots == folder.authority.certificateChain)
      #expect(tls.identity?.certificateChain == folder.identity.certificateChain)
      #expect(tls.identity?.privateKey == folder.identity.privateKey)
    }
  }
}
