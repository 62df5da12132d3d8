// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing
import XDSConfig

@Suite("What is printed, to Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct EnvoyValidationTests {
  @Test("the whole configuration as a file") func file() async throws {
    let proxy = try Examples.large(.selfSigned())
    #expect(proxy.problems().filter { $0.severity == .error } == [])
    try await expectValid(try proxy.staticBootstrap(node: .init(id: "a", cluster: "b"), admin: .init("127.0.0.1", 0)))
  }

  @Test("filters of every kind with every setting") func filters() async throws {
    try await expectValid(try Examples.everySetting.staticBootstrap())
  }

  @Test("a bootstrap for xDS", arguments: XDSBootstrap.Transport.allCases)
  func bootstrap(transport: XDSBootstrap.Transport) async throws {
    var bootstrap = XDSBootstrap(node: .init(id: "proxy-1", cluster: "proxies"), server: .init("127.0.0.1", 18_000))
    bootstrap.transport = transport
    bootstrap.admin = .unix("/tmp/admin-\(UUID().uuidString)")
    try await expectValid(try bootstrap.yaml())
    let certificate = try ProxyCertificate.selfSigned()
    bootstrap.server = .init("localhost", 18_000)
    bootstrap.tls = ClientTLS(serverName: "localhost", authorities: certificate.chain, certificate: certificate)
    try await expectValid(try bootstrap.yaml())
  }

  /// Has Envoy read a configuration without serving it.
  private func expectValid(_ yaml: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(yaml.utf8).write(to: file)
    let envoy = try ChildProcess(
      EnvoyProcess.executable ?? "", ["--mode", "validate", "--config-path", file.path, "--log-level", "error"])
    let status = await envoy.exitStatus
    #expect(status == 0, "\(envoy.output)\n\(yaml)", sourceLocation: sourceLocation)
  }
}
