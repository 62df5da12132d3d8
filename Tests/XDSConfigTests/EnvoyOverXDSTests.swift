// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtProc
import ExtProcTesting
import Foundation
import Logging
import NetworkExtProc
import Testing
import XDS
import XDSConfig

/// A real Envoy that takes a described proxy from an xDS server, which asks about requests and connections as well.
@Suite("A described proxy, over xDS", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct EnvoyOverXDSTests {
  final class AddHeader: CalloutServer, @unchecked Sendable {
    override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
      .mutate(set: ["x-callout": "asked"])
    }
  }

  final class Close: NetworkCalloutServer, @unchecked Sendable {
    override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply { .close }
  }

  @Test(
    "a filter, routes and a certificate change without a connection being lost",
    arguments: XDSBootstrap.Transport.allCases)
  func changes(transport: XDSBootstrap.Transport) async throws {
    let cache = SnapshotCache()
    try await withProxy(cache, transport) { (proxy: ProxyConfiguration, directory: URL) in
      let certificate = try #require(proxy.certificate)
      let connection = try await HTTPConnection.connect(
        to: .unix(directory.appending(path: "web").path), trusting: Array(certificate.utf8))
      #expect(try await connection.get("/").fields["x-callout"] == "asked")
      #expect(try await connection.get("/plain").fields["x-callout"] == nil, "the route turns it off")
      #expect(try await connection.get("/fixed").text == "fixed")

      let tcp = try await TCPConnection.connect(to: .unix(directory.appending(path: "tcp").path))
      try await tcp.send("GET / HTTP/1.1\r\n\r\n")
      #expect(try await tcp.receiveAll() == "", "the network callout closes the connection")

      var changed = proxy
      changed.callouts[0].filter = .extProc(.init { $0.responseHeaderMode = .skip })
      try changed.change { listener in
        listener.tls = ServerTLS(try .selfSigned())
        listener.hosts[0].routes[1].action = .respond(status: 200, body: "changed")
      }
      let outcomes = await cache.publish(try Snapshot(changed.resources())).converged()
      #expect(outcomes.map(\.result) == [.acknowledged], "\(outcomes)")
      // Envoy's main thread has it; its workers follow at once.
      var fields = try await connection.get("/").fields
      for _ in 0..<100 where fields["x-callout"] != nil { fields = try await connection.get("/").fields }
      #expect(fields["x-callout"] == nil)
      var text = try await connection.get("/fixed").text
      for _ in 0..<100 where text == "fixed" { text = try await connection.get("/fixed").text }
      #expect(text == "changed")
      let another = try await HTTPConnection.connect(
        to: .unix(directory.appending(path: "web").path), trusting: Array(try #require(changed.certificate).utf8))
      #expect(try await another.get("/fixed").status == 200)
      await another.close()
      await connection.close()
    }
  }

  /// Runs an Envoy with the proxy, whose listeners are sockets in a directory.
  private func withProxy(
    _ cache: SnapshotCache, _ transport: XDSBootstrap.Transport,
    _ body: (ProxyConfiguration, URL) async throws -> Void
  ) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: String(UUID().uuidString.prefix(8)))
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let services = [AddHeader().grpcService(), Close().grpcService()] + XDSServer(cache, logger: quiet).services
    try await withHTTPUpstream { upstream in
      try await withRunningServer(CalloutService(services, configuration: .loopback, logger: quiet)) { server in
        let proxy = try Self.proxy(server, upstream.address, directory)
        #expect(proxy.problems() == [])
        cache.publish(try Snapshot(proxy.resources()))
        let xds = try #require(server.addresses.plaintext.flatMap { ProxyAddress("\($0)") })
        var bootstrap = XDSBootstrap(node: .init(id: "proxy", cluster: "test"), server: xds)
        bootstrap.transport = transport
        let file = directory.appending(path: "bootstrap.yaml")
        try Data(try bootstrap.yaml().utf8).write(to: file)
        let envoy = try ChildProcess(
          EnvoyProcess.executable ?? "",
          ["--config-path", file.path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "info"])
        do {
          try await waitForListeners(in: directory, of: envoy)
          try await body(proxy, directory)
        } catch {
          await envoy.end()
          throw ChildProcessError("\(error)\n\(envoy.output)")
        }
        await envoy.end()
      }
    }
  }

  /// Asks again and again, for Envoy tells no one when it listens.
  private func waitForListeners(in directory: URL, of envoy: ChildProcess) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline, !envoy.hasExited {
      if let connection = try? await TCPConnection.connect(to: .unix(directory.appending(path: "web").path)) {
        return await connection.close()
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw ChildProcessError("Envoy does not listen")
  }

  private static func proxy(
    _ server: RunningServer, _ upstream: ListenAddress, _ directory: URL
  ) throws -> ProxyConfiguration {
    let authorities = PEMSource.inline(String(decoding: server.addresses.certificateChain, as: UTF8.self))
    let secure = try #require(server.addresses.secure.flatMap { ProxyAddress("\($0)") })
    let location = CalloutServerLocation([secure], tls: ClientTLS(serverName: "localhost", authorities: authorities))
    var plain = ProxyConfiguration.Route(.prefix("/plain"), to: "upstream")
    plain.callouts = ["AddHeader": .off]
    var listener = ProxyConfiguration.HTTPListener(
      "web", at: .unix(directory.appending(path: "web").path),
      routes: [
        plain, .init(.exact("/fixed"), .respond(status: 200, body: "fixed")), .init(.prefix("/"), to: "upstream"),
      ],
      callouts: ["AddHeader"])
    listener.tls = ServerTLS(try .selfSigned())
    let tcp = ProxyConfiguration.TCPListener(
      "tcp", at: .unix(directory.appending(path: "tcp").path), to: "upstream", callouts: ["Close"])
    var upstream = ProxyConfiguration.Upstream("upstream", at: [try #require(ProxyAddress("\(upstream)"))])
    upstream.usesEDS = true
    return ProxyConfiguration(
      listeners: [.http(listener), .tcp(tcp)], upstreams: [upstream],
      callouts: [
        Callout("AddHeader", .extProc(.init()), at: location), Callout("Close", .networkExtProc(.init()), at: location),
      ])
  }
}

extension ProxyConfiguration {
  fileprivate mutating func change(_ change: (inout HTTPListener) throws -> Void) throws {
    guard case .http(var listener) = listeners[0] else { return }
    try change(&listener)
    listeners[0] = .http(listener)
  }

  /// The first listener's certificate, PEM.
  fileprivate var certificate: String? {
    guard case .http(let listener)? = listeners.first, case .inline(let text)? = listener.tls?.certificate?.chain else {
      return nil
    }
    return text
  }
}
