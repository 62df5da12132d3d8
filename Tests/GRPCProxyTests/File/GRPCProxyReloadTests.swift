// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Testing

@Suite("A gRPC proxy's file that changes") struct GRPCProxyReloadTests {
  private static func text(_ endpoint: String) -> String {
    """
    backends:
      name: a
      endpoints: '\(endpoint)'
      tls: { ca: ca.pem, certificate: proxy.pem, private_key: proxy.key }
    routes: { backend: a }
    """
  }

  @Test("a change is read, a mistake is told with its line, and the last good configuration stays") func file() throws {
    try ProxyFolder.with { folder in
      try folder.write(Self.text("h:1").utf8, to: "proxy.yaml")
      let file = try GRPCProxyConfigurationFile(folder.path("proxy.yaml"))
      #expect(try file.reload() == nil, "nothing has changed")

      try folder.write(Self.text("h:2").utf8, to: "proxy.yaml")
      let changed = try #require(try file.reload())
      #expect(changed.backendSets[0].backends.map(\.target.description) == ["h:2"])
      #expect(try file.reload() == nil)

      try folder.write(Self.text("h").utf8, to: "proxy.yaml")
      let error = #expect(throws: ConfigurationFileError.self) { try file.reload() }
      #expect(error?.description.hasPrefix("proxy.yaml:3: 'endpoints' of a backend is 'h'") == true)
      #expect(file.configuration == changed)

      try folder.remove("proxy.yaml")
      let missing = #expect(throws: ConfigurationFileError.self) { try file.reload() }
      #expect(missing?.description.hasPrefix("proxy.yaml: '") == true)
      #expect(file.configuration == changed)

      try folder.write((Self.text("h:2") + "\n# the same").utf8, to: "proxy.yaml")
      #expect(try file.reload() == nil)
    }
  }

  @Test("so is a change of a certificate or a key that it names") func certificates() throws {
    try ProxyFolder.with { folder in
      try folder.write(Self.text("h:1").utf8, to: "proxy.yaml")
      let file = try GRPCProxyConfigurationFile(folder.path("proxy.yaml"))
      let first = file.configuration

      try folder.write(folder.identity.certificateChain, to: "ca.pem")
      let changed = try #require(try file.reload())
      #expect(changed.backendSets[0].backends[0].tls?.trustRoots == folder.identity.certificateChain)

      // Its key comes later, as when a certificate is renewed.
      try folder.write(folder.authority.certificateChain, to: "proxy.pem")
      let mismatch = #expect(throws: ConfigurationFileError.self) { try file.reload() }
      #expect(mismatch?.description.hasPrefix("proxy.yaml:4: 'private_key' of TLS does not belong") == true)
      #expect(file.configuration == changed)
      try folder.write(folder.authority.privateKey, to: "proxy.key")
      let renewed = try #require(try file.reload())
      #expect(renewed.backendSets[0].backends[0].tls?.identity?.privateKey == folder.authority.privateKey)

      try folder.remove("ca.pem")
      let missing = #expect(throws: ConfigurationFileError.self) { try file.reload() }
      #expect(missing?.description.hasPrefix("proxy.yaml:4: 'ca' of TLS: '\(folder.path("ca.pem"))' cannot be") == true)
      #expect(file.configuration == renewed)

      try folder.write(folder.identity.certificateChain, to: "ca.pem")
      #expect(try file.reload() == nil)
      try folder.write(folder.authority.certificateChain, to: "ca.pem")
      try folder.write(folder.identity.certificateChain, to: "proxy.pem")
      try folder.write(folder.identity.privateKey, to: "proxy.key")
      #expect(try file.reload() == first)
    }
  }
}
