// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutGRPC
import ExtProcTesting
import Logging
import NIOCore
import Testing
import XDS

@testable import CalloutServing

@Suite("Server options")
struct ServerOptionsTests {
  private func configuration(_ arguments: String...) throws -> ServerConfiguration {
    try ServerOptions.parse(arguments.map(ServerOptions.spelledInKebabCase)).configuration()
  }

  @Test("what serves discovery, prints or checks needs a description of proxies, but a bootstrap needs none")
  func description() throws {
    #expect(try !configuration().wantsProxy)
    #expect(try configuration("--xds-address", "127.0.0.1:1").wantsProxy)
    #expect(try configuration("--check").wantsProxy)
    #expect(try configuration("--print-envoy-config").wantsProxy)
    #expect(try !configuration("--xds-address", "127.0.0.1:1", "--print-envoy-bootstrap").wantsProxy)
  }

  @Test("without options the ports are 8443, 8080 and 8000 on every interface")
  func defaults() throws {
    let configuration = try configuration()
    #expect(configuration.secureAddress == .ip("0.0.0.0", 8443))
    #expect(configuration.plaintextAddress == .ip("0.0.0.0", 8080))
    #expect(configuration.healthCheckAddress == .ip("0.0.0.0", 8000))
    #expect(!configuration.disableTLS && !configuration.disablePlaintext)
    #expect(!configuration.secureHealthCheck && !configuration.combinedHealthCheck)
    #expect(configuration.certificateChainPath == nil && configuration.privateKeyPath == nil)
    #expect(configuration.threads == nil)
    #expect(configuration.drainDelay == .seconds(5) && configuration.gracePeriod == .seconds(10))
  }

  @Test("options are taken in kebab case and in the reference's snake case", arguments: ["-", "_"])
  func spellings(mark: String) throws {
    func flag(_ name: String) -> String { "--" + name.replacing("-", with: mark) }
    let configuration = try configuration(
      flag("secure-address"), "127.0.0.1:1", flag("plaintext-address") + "=127.0.0.1:2",
      flag("health-check-address"), ":3", flag("secure-health-check"), flag("combined-health-check"),
      flag("disable-plaintext"), flag("disable-tls"), flag("cert-chain-path"), "a_b.pem",
      flag("private-key-path") + "=c_d.pem", flag("threads"), "2", flag("drain-delay"), "0.5", flag("grace-period"),
      "60")
    #expect(configuration.secureAddress == .ip("127.0.0.1", 1))
    #expect(configuration.plaintextAddress == .ip("127.0.0.1", 2))
    #expect(configuration.healthCheckAddress == .ip("0.0.0.0", 3))
    #expect(configuration.secureHealthCheck && configuration.combinedHealthCheck)
    #expect(configuration.disablePlaintext && configuration.disableTLS)
    #expect(configuration.certificateChainPath == "a_b.pem")
    #expect(configuration.privateKeyPath == "c_d.pem")
    #expect(configuration.threads == 2)
    #expect(configuration.drainDelay == .milliseconds(500))
    #expect(configuration.gracePeriod == .seconds(60))
  }

  @Test("the level of the log is an option")
  func logLevel() throws {
    #expect(try ServerOptions.parse(["--log-level", "debug"]).logLevel == .debug)
    #expect(throws: (any Error).self) { try ServerOptions.parse(["--log-level", "loud"]) }
  }

  @Test("values that cannot be are refused, naming the option", arguments: ["--drain-delay", "--grace-period"])
  func seconds(flag: String) throws {
    for value in ["-1", "86401", "nan"] {
      let error = #expect(throws: StartupError.self) { try configuration("\(flag)=\(value)") }
      #expect(error?.description.contains(flag) == true)
    }
  }
}

@Suite("Listen addresses")
struct ListenAddressTests {
  @Test(
    "an address is read in every form and written back",
    arguments: [
      ("127.0.0.1:80", ListenAddress.ip("127.0.0.1", 80), "127.0.0.1:80"), (":0", .ip("0.0.0.0", 0), "0.0.0.0:0"),
      ("[::1]:65535", .ip("::1", 65_535), "[::1]:65535"), ("[::]:1", .ip("::", 1), "[::]:1"),
      ("localhost:8080", .ip("localhost", 8_080), "localhost:8080"),
      ("unix:/run/a b.sock", .unix("/run/a b.sock"), "unix:/run/a b.sock"), ("unix:rel", .unix("rel"), "unix:rel"),
    ])
  func read(text: String, address: ListenAddress, written: String) {
    #expect(ListenAddress(text) == address)
    #expect(address.description == written)
  }

  @Test(
    "what is no address is refused",
    arguments: [
      "", "8080", "host", "host:", "host:65536", "host:-1", "host:+1", "host:x", "::1:80", "unix:", "[::1]", "[]:1",
    ])
  func refuse(text: String) {
    #expect(ListenAddress(text) == nil)
  }

  @Test("a server listens on IPv6 and on a Unix-domain socket")
  func listen() async throws {
    var configuration = ServerConfiguration.loopback
    let path = "/tmp/callout-test-\(UInt32.random(in: 0 ... .max)).sock"
    configuration.secureAddress = try #require(ListenAddress("[::1]:0"))
    configuration.plaintextAddress = .unix(path)
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      #expect(server.addresses.plaintext == .unix(path))
      #expect(server.addresses.secure?.description.hasPrefix("[::1]:") == true)
      #expect(server.addresses.secure != .ip("::1", 0))
      _ = try await server.client().stream().reply(to: .requestHeaders([:]))
      _ = try await server.secureClient().stream().reply(to: .requestHeaders([:]))
    }
  }

  @Test("a listener that is disabled is not there")
  func disabled() async throws {
    var configuration = ServerConfiguration.loopback
    configuration.disablePlaintext = true
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      #expect(server.addresses.plaintext == nil && server.addresses.secure != nil)
    }
    configuration.disablePlaintext = false
    configuration.disableTLS = true
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      #expect(server.addresses.secure == nil && server.addresses.plaintext != nil)
    }
  }

  @Test("a control plane alone listens for no callouts, and has health beside discovery")
  func controlPlaneAlone() async throws {
    let log = LogRecorder()
    let service = CalloutService(
      [], controlPlane: XDSServer(SnapshotCache(), logger: log.logger), configuration: .loopback, logger: log.logger)
    try await withRunningServer(service) { server in
      #expect(server.addresses.secure == nil && server.addresses.plaintext == nil)
      #expect(server.addresses.certificateChain == [])
      #expect(server.addresses.healthCheck != nil)
      let client = try await CalloutClient.connect(to: try #require(server.addresses.xds))
      let health = try await client.channel.call("/grpc.health.v1.Health/Check")
      try await health.send(ByteBuffer())
      health.halfClose()
      // HealthCheckResponse{status = 1: SERVING}
      #expect(try await health.next() == ByteBuffer(bytes: [0x08, 1]))
      await client.close()
    }
    #expect(!log.entries(atLeast: .notice).contains { $0.message.contains("certificate") })
  }
}
