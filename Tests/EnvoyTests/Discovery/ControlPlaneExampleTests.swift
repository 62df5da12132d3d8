// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutServing
import ExtProcTesting
import Foundation
import NIOConcurrencyHelpers
import Testing
import XDS
import XDSConfig

@testable import ControlPlane

private let oldEnvoy = ProcessInfo.processInfo.environment["ENVOY_1_36"]

/// A real Envoy that gets all that it has from the example.
@Suite("The example ControlPlane")
struct ControlPlaneExampleTests {
  private static func upstream(_ name: String) -> HTTPUpstream.Responder {
    { request in HTTPResponse(fields: ["x-upstream": name], body: "\(request.method) \(request.path)") }
  }

  @Test(
    "AC-120: Envoy gets it, says so, and hears no more until something changes", .timeLimit(.minutes(1)),
    .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
    arguments: XDSBootstrap.Transport.allCases)
  func served(transport: XDSBootstrap.Transport) async throws { try await serve(transport, EnvoyProcess.executable) }

  @Test(
    "AC-120 with Envoy 1.36", .timeLimit(.minutes(1)),
    .enabled(if: oldEnvoy != nil, "needs Envoy 1.36: set $ENVOY_1_36 to its path"),
    arguments: XDSBootstrap.Transport.allCases)
  func servedToOldEnvoy(transport: XDSBootstrap.Transport) async throws { try await serve(transport, oldEnvoy) }

  private func serve(_ transport: XDSBootstrap.Transport, _ executable: String?) async throws {
    try await withHTTPUpstream(Self.upstream("one")) { one in
      try await withHTTPUpstream(Self.upstream("other")) { other in
        let listen = ProxyAddress("127.0.0.1", 0)
        let first = ControlPlane.proxy(at: listen, to: try ProxyAddress(one.address))
        let traffic = Traffic()
        try await withControlledProxy(first, transport, executable: executable, callbacks: traffic) { proxy in
          let response = try await get(proxy.envoy.address)
          #expect(response.status == 200 && response.text == "GET /headers")
          #expect(response.fields["server"] == "envoy" && response.fields["x-upstream"] == "one")
          #expect(response.fields["x-envoy-upstream-service-time"] != nil)
          // The same again is sent to nobody: it tells when Envoy has answered what it was sent before.
          try await proxy.publish(first)
          let types = ["Cluster", "Listener", "RouteConfiguration"]
          #expect(
            traffic.counts == Dictionary(uniqueKeysWithValues: types.map { ($0, .init(requests: 2, responses: 1)) }))

          try await proxy.publish(ControlPlane.proxy(at: listen, to: try ProxyAddress(other.address)))
          var moved = try await get(proxy.envoy.address)
          // Envoy's main thread has it; its workers follow at once.
          for _ in 0..<100 where moved.fields["x-upstream"] == "one" { moved = try await get(proxy.envoy.address) }
          #expect(moved.fields["x-upstream"] == "other")
          // Whatever had been sent meanwhile would be counted too.
          #expect(traffic.counts["Cluster"] == .init(requests: 3, responses: 2))
          #expect(traffic.counts["Listener"] == .init(requests: 2, responses: 1))
          #expect(traffic.counts["RouteConfiguration"] == .init(requests: 2, responses: 1))
        }
      }
    }
  }

  private func get(_ address: ListenAddress) async throws -> HTTPResponse {
    let connection = try await HTTPConnection.connect(to: address)
    let response = try await connection.get("/headers")
    await connection.close()
    return response
  }

  @Test(
    "the program configures an Envoy that has what it prints, and follows its input", .timeLimit(.minutes(1)),
    .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
  func program() async throws {
    try await withHTTPUpstream(Self.upstream("one")) { one in
      try await withHTTPUpstream(Self.upstream("other")) { other in
        let input = FileManager.default.temporaryDirectory.appending(path: "input-\(UUID().uuidString)").path
        #expect(mkfifo(input, 0o600) == 0)
        defer { unlink(input) }
        // For reading too, so that neither end waits for the other to be opened.
        let writer = try #require(FileHandle(forUpdatingAtPath: input))
        let process = try ExampleProcess.start(
          "ControlPlane",
          [
            "--xds-address", "127.0.0.1:0", "--health-check-address", "127.0.0.1:0", "--drain-delay", "0", "--listen",
            "127.0.0.1:0", "--httpbin", "\(one.address)", "--follow-input",
          ], input: input)
        defer { process.send(signal: SIGKILL) }
        let xds = try await process.waitForOutput { ExampleProcess.address("xds", in: $0) }
        let rest = try await HTTPConnection.connect(to: xds)
        let clusters = try await rest.send(HTTPRequest("POST", "/v3/discovery:clusters", body: "{}"))
        #expect(clusters.status == 200 && clusters.text.contains("httpbin_service"), "\(clusters.text)")
        await rest.close()
        #expect(process.output.contains("plaintext=off") && process.output.contains("secure=off"))
        try await withEnvoy(bootstrap: try await Self.bootstrap(xds)) { envoy in
          #expect(try await get(envoy.address).fields["x-upstream"] == "one")
          try writer.write(contentsOf: Data("nowhere\n\(other.address)\n".utf8))
          try await process.waitForOutput { $0.contains("httpbin is at \(other.address): envoy has it") ? () : nil }
          #expect(process.output.contains("httpbin stays where it is: 'nowhere' is no host:port"))
          var response = try await get(envoy.address)
          for _ in 0..<100 where response.fields["x-upstream"] == "one" { response = try await get(envoy.address) }
          #expect(response.fields["x-upstream"] == "other")
        }
        process.send(signal: SIGTERM)
        #expect(await process.exitStatus == 0, "\(process.output)")
      }
    }
  }

  /// What the program prints, with another port for Envoy's admin interface.
  private static func bootstrap(_ xds: ListenAddress) async throws -> [UInt8] {
    let process = try ExampleProcess.start("ControlPlane", ["--xds-address", "\(xds)", "--print-envoy-bootstrap"])
    #expect(await process.exitStatus == 0, "\(process.output)")
    return Array(process.output.replacing("port_value: 9901", with: "port_value: 0").utf8)
  }

  @Test(
    "it has no description of proxies that could be checked or printed", arguments: ["--check", "--print-envoy-config"])
  func noDescription(flag: String) async throws {
    let process = try ExampleProcess.start("ControlPlane", [flag])
    #expect(await process.exitStatus == 2)
    #expect(process.output.contains("are for servers that take --proxy-config"))
  }

  @Test("it is what its command line says") func configuration() throws {
    let example = try ControlPlane.parse([])
    let proxy = ControlPlane.proxy(at: example.listen, to: example.httpbin)
    #expect(proxy.problems() == [])
    #expect(proxy.listeners.map(\.address) == [ProxyAddress("0.0.0.0", 15001)])
    #expect(proxy.upstreams.map(\.endpoints) == [[ProxyAddress("httpbin", 8000)]])
    let text = try proxy.staticBootstrap()
    for setting in ["LOGICAL_DNS", "http_protocol_options", "idle_timeout: 300s", "request_timeout: 15s"] {
      #expect(text.contains(setting), "\(setting) in \(text)")
    }
  }
}

/// How much travels of each type, both ways.
private final class Traffic: XDSCallbacks {
  struct Count: Equatable {
    var requests = 0
    var responses = 0
  }

  private let box = NIOLockedValueBox<[String: Count]>([:])

  var counts: [String: Count] { box.withLockedValue { $0 } }

  func requestReceived(_ request: DiscoveryRequest, on stream: DiscoveryStreamInfo) async throws {
    box.withLockedValue { $0["\(request.type)", default: Count()].requests += 1 }
  }

  func responseReady(_ response: DiscoveryResponse, on stream: DiscoveryStreamInfo) async throws {
    box.withLockedValue { $0["\(response.type)", default: Count()].responses += 1 }
  }
}
