// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import AddHeader

@Suite("AddHeader behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
struct AddHeaderTests {
  @Test(
    "a request and its response are changed, over plaintext, TLS and a Unix socket", arguments: EnvoyProxy.Wire.allCases
  )
  func headers(wire: EnvoyProxy.Wire) async throws {
    let upstream: HTTPUpstream.Responder = { request in
      var response = HTTPUpstream.echo(request)
      response.fields.add("foo", "to be removed")
      return response
    }
    try await withEnvoyProxy(AddHeader(), over: wire, upstream: upstream) { proxy in
      let response = try await proxy.connect().get("/path")
      #expect(response.status == 200)
      #expect(response.text.contains("header-request: request"))
      #expect(response.fields.values(of: "header-response") == ["response"])
      #expect(response.fields["foo"] == nil)
    }
  }
}
