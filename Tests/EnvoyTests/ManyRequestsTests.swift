// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import Testing

@testable import AddHeader

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// Envoy resets every stream that it is done with. A server that takes this for an attack drops connections, and with
// them requests.

private let oldEnvoy = ProcessInfo.processInfo.environment["ENVOY_1_36"]

@Suite("Many requests through Envoy", .serialized, .timeLimit(.minutes(5)))
struct ManyRequestsTests {
  @Test(
    "20,000 requests on 16 connections all pass, over one connection to the callout",
    .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
    arguments: [EnvoyProxy.Wire.plaintext, .tls])
  func current(wire: EnvoyProxy.Wire) async throws { try await run(wire, EnvoyProcess.executable) }

  @Test(
    "20,000 requests on 16 connections all pass through Envoy 1.36 too",
    .enabled(if: oldEnvoy != nil, "needs Envoy 1.36: set $ENVOY_1_36 to its path"),
    arguments: [EnvoyProxy.Wire.plaintext, .tls])
  func old(wire: EnvoyProxy.Wire) async throws { try await run(wire, oldEnvoy) }

  private func run(_ wire: EnvoyProxy.Wire, _ executable: String?) async throws {
    let upstream: HTTPUpstream.Responder = { request in
      HTTPResponse(status: request.fields["header-request"] == "request" ? 200 : 400, body: "ok")
    }
    try await withEnvoyProxy(AddHeader(), over: wire, executable: executable, upstream: upstream) { proxy in
      let failures = try await withThrowingTaskGroup(of: Int.self) { clients in
        for _ in 0..<16 {
          clients.addTask {
            let connection = try await proxy.connect()
            var failures = 0
            for _ in 0..<1_250 {
              let response = try await connection.get("/")
              if response.status != 200 || response.fields["header-response"] != "response" { failures += 1 }
            }
            await connection.close()
            return failures
          }
        }
        return try await clients.reduce(0, +)
      }
      #expect(failures == 0, "\(proxy.envoy.log)")
      #expect(try await proxy.envoy.statistic("cluster.callout.upstream_cx_total") == 1)
      #expect(try await proxy.envoy.statistic("cluster.callout.upstream_rq_total") == 20_000)
      #expect(proxy.log.entries(atLeast: .warning).isEmpty, "\(proxy.log.entries(atLeast: .warning))")
    }
  }
}
