// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import Testing

@Suite("A program that is told of a proxy", .timeLimit(.minutes(1)))
struct ProxyOptionsTests {
  private static let good = """
    listeners:
    - name: web
      address: 127.0.0.1:10000
      routes:
      - prefix: /
        upstream: shop
    upstreams:
    - name: shop
      endpoints: 10.0.0.7:80
    """

  private func withFile(_ text: String, _ body: (_ path: String) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "proxy-\(UUID().uuidString).yaml")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    try await body(file.path)
  }

  /// Runs the program and expects that it does what it is asked for, and no more; returns what it prints.
  private func output(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String
  {
    let process = try ExampleProcess.start("AddHeader", arguments)
    #expect(await process.exitStatus == 0, "\(process.output)", sourceLocation: sourceLocation)
    return process.output
  }

  // MARK: Good

  @Test("--check says that the description is good")
  func check() async throws {
    try await withFile(Self.good) { path in
      let output = try await output("--proxy-config", path, "--check")
      #expect(output.wholeMatch(of: /the proxy's configuration is good: [1-9][0-9]* resources\n/) != nil, "\(output)")
    }
  }

  @Test("--print-envoy-config prints everything, the program's own callout in it")
  func printConfiguration() async throws {
    try await withFile(Self.good) { path in
      let output = try await output("--proxy-config", path, "--print-envoy-config", "--plaintext-address", ":8081")
      #expect(output.hasPrefix("node:\n") && output.hasSuffix("\n"))
      for text in ["name: web", "port_value: 10000", "name: shop", "ExternalProcessor", "port_value: 8081"] {
        #expect(output.contains(text), "\(text)")
      }
      #expect(!output.contains("ads_config"))
    }
  }

  @Test("--advertised-host is where proxies find the program, by TLS")
  func advertisedHost() async throws {
    try await withFile(Self.good) { path in
      let output = try await output(
        "--proxy-config", path, "--print-envoy-config", "--advertised-host", "callouts.test")
      #expect(output.contains("address: callouts.test") && output.contains("port_value: 8443"))
      #expect(output.contains("UpstreamTlsContext") && !output.contains("port_value: 8080"))
      let local = try await self.output("--proxy-config", path, "--print-envoy-config")
      #expect(!local.contains("UpstreamTlsContext") && local.contains("port_value: 8080"))
      let bootstrap = try await self.output(
        "--print-envoy-bootstrap", "--xds-address", ":18001", "--proxy-config", path, "--advertised-host",
        "callouts.test")
      #expect(bootstrap.contains("address: callouts.test") && bootstrap.contains("port_value: 18001"))
    }
  }

  @Test("--print-envoy-bootstrap prints where the rest comes from, which needs no description")
  func printBootstrap() async throws {
    let output = try await output("--print-envoy-bootstrap")
    #expect(output.contains("ads_config") && output.contains("port_value: 18000"))
    #expect(!output.contains("ExternalProcessor"))
  }

  @Test("--print-envoy-bootstrap with --xds-client-ca has a certificate on both sides")
  func printSecureBootstrap() async throws {
    try await withFile(Self.good) { path in
      let output = try await output(
        "--print-envoy-bootstrap", "--proxy-config", path, "--xds-client-ca", "/etc/ca.pem", "--cert-chain-path",
        "/etc/chain.pem", "--private-key-path", "/etc/key.pem")
      for text in ["UpstreamTlsContext", "filename: /etc/chain.pem", "certificate_chain", "private_key"] {
        #expect(output.contains(text), "\(text)")
      }
      // The server's own key is nobody else's.
      #expect(!output.contains("/etc/key.pem"))
    }
  }

  // MARK: Bad

  @Test(
    "options that need a description, without one",
    arguments: [
      ["--check"], ["--print-envoy-config"], ["--xds-address", "127.0.0.1:0"], ["--xds-client-ca", "/none/ca.pem"],
    ])
  func noDescription(arguments: [String]) async throws {
    try await expectRefusal(["no proxy is described", "--proxy-config FILE"], arguments)
  }

  @Test("two commands at once")
  func twoCommands() async throws {
    try await expectRefusal(["--check", "--print-envoy-config", "give one"], "--check", "--print-envoy-config")
  }

  @Test("a description that is not there, whatever is to be done with it", arguments: [[], ["--check"]])
  func missingFile(arguments: [String]) async throws {
    try await expectRefusal(
      ["--proxy-config", "/none/proxy.yaml", "check that it exists"],
      ["--disable-tls", "--proxy-config", "/none/proxy.yaml"] + arguments)
  }

  @Test(
    "a description with an error, whatever is to be done with it",
    arguments: [[], ["--check"], ["--print-envoy-config"], ["--print-envoy-bootstrap"]])
  func badFile(arguments: [String]) async throws {
    try await withFile(Self.good.replacingOccurrences(of: "upstream: shop", with: "upstream: ship")) { path in
      try await expectRefusal(
        ["--proxy-config: \(path.split(separator: "/").last ?? ""):6: ", "ship"],
        ["--disable-tls", "--proxy-config", path] + arguments)
    }
  }

  @Test("an address that is none, or taken")
  func badAddress() async throws {
    try await expectRefusal(["--xds-address", "nowhere"], "--xds-address", "nowhere")
    try await withFile(Self.good) { path in
      try await withHTTPUpstream { other in
        let taken = other.address.description
        try await expectRefusal(
          ["--xds-address \(taken)", "the port is taken"],
          ExampleProcess.onLoopback + ["--proxy-config", path, "--xds-address", taken])
      }
    }
  }

  @Test("authorities that are not there, or none")
  func badAuthorities() async throws {
    try await withFile(Self.good) { path in
      let arguments = ExampleProcess.onLoopback + ["--proxy-config", path, "--xds-address", "127.0.0.1:0"]
      try await expectRefusal(
        ["--xds-client-ca", "/none/ca.pem", "check that it exists"], arguments + ["--xds-client-ca", "/none/ca.pem"])
      try await expectRefusal(
        ["--xds-client-ca", path, "no PEM certificate"], arguments + ["--xds-client-ca", path],
        besides: "no certificate given")
      try await expectRefusal(
        ["--xds-client-ca", "--cert-chain-path"],
        ["--print-envoy-bootstrap", "--proxy-config", path, "--xds-client-ca", path])
    }
  }
}
