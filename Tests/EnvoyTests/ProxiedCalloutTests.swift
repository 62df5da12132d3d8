// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtProc
import ExtProcTesting
import GRPCProxy
import Logging
import Testing

@testable import AddHeader

@Suite(
  "a callout behind our gRPC proxy behind Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(1)))
struct ProxiedCalloutTests {
  @Test("every request is changed, over TLS on both sides")
  func headers() async throws {
    try await withRunningServer(AddHeader()) { callout in
      let address = try #require(callout.addresses.secure)
      let trust = GRPCChannel.TLS(trustRoots: callout.addresses.certificateChain, serverName: "localhost")
      let backend = Backend(try #require(GRPCTarget("\(address)")), tls: trust)
      let router = try GRPCRouter(GRPCProxyConfiguration(to: backend))
      let log = LogRecorder()
      let proxy = GRPCProxy(router, logger: log.logger)
      let service = CalloutService([proxy.unknownServices], configuration: .loopback, logger: log.logger)
      try await withRunningServer(service) { server in
        try await withHTTPUpstream(HTTPUpstream.echo) { upstream in
          let filter = EnvoyConfiguration.Callout(server.addresses.secure!, trusting: server.addresses.certificateChain)
          try await withEnvoy(EnvoyConfiguration(upstream: upstream.address, callouts: [filter])) { envoy in
            let connection = try await HTTPConnection.connect(to: envoy.address)
            for number in 0..<50 {
              let response = try await connection.get("/\(number)")
              #expect(response.status == 200)
              #expect(response.text.contains("header-request: request"))
              #expect(response.fields.values(of: "header-response") == ["response"])
            }
          }
        }
      }
      #expect(log.entries(atLeast: .warning).isEmpty, "\(log.entries(atLeast: .warning))")
    }
  }
}
