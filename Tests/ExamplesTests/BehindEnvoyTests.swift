// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import AddBody
@testable import AddCustomResponse
@testable import AddHeader
@testable import Basic
@testable import BodyLogger
@testable import DynamicForwarding
@testable import MetadataServer
@testable import NormalizeHeader
@testable import ObservabilityServer
@testable import Redirect
@testable import SetCookie
@testable import UpdateHeader

/// Each example does for a client and an upstream what its line in the README says.
@Suite(
  "Examples behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct BehindEnvoyTests {
  private func buffered(_ mode: inout ProcessingMode) {
    (mode.requestBodyMode, mode.responseBodyMode) = (.buffered, .buffered)
  }

  @Test("AddBody")
  func addBody() async throws {
    try await withEnvoyProxy(AddBody(), upstream: Self.mirrorInHeader, mode: buffered) { proxy in
      let response = try await proxy.connect().send(HTTPRequest("POST", body: "abc"))
      #expect(response.status == 200 && response.text == "new-body")
      #expect(response.fields["content-length"] == "8")
      #expect(response.fields["x-request-body"] == "abc-added-request-body")
      #expect(response.fields["x-request-length"] == "22")
    }
  }

  @Test("AddCustomResponse, also where Envoy goes on without a callout that fails")
  func addCustomResponse() async throws {
    try await withEnvoyProxy(
      AddCustomResponse(), upstream: Self.mirrorInHeader, mode: buffered, filter: { $0.failureModeAllow = true }
    ) { proxy in
      let connection = try await proxy.connect()
      let changed = try await connection.send(HTTPRequest("POST", body: "abc"))
      #expect(changed.status == 200 && changed.fields["x-request-body"] == "replaced-body")
      #expect(changed.fields["header-response"] == "response" && changed.text == "from upstream")
      let mocked = try await connection.send(HTTPRequest("POST", fields: ["mock": "1"], body: "a mock"))
      #expect(mocked.fields["x-request-body"] == "Mocked-Body" && mocked.fields["x-mock-response"] == "Mocked-Value")
      for denied in [
        HTTPRequest("POST", fields: ["bad-header": "1"], body: "abc"), HTTPRequest("POST", body: "a bad-body"),
      ] {
        let response = try await connection.send(denied)
        #expect(response.status == 403 && response.text == "Callout DENIED.")
      }
    }
  }

  @Test("AddHeader")
  func addHeader() async throws {
    try await withEnvoyProxy(AddHeader()) { proxy in
      let response = try await proxy.connect().get("/", fields: ["foo": "kept"])
      #expect(response.text.contains("header-request: request") && response.fields["header-response"] == "response")
    }
  }

  @Test("Basic")
  func basic() async throws {
    try await withEnvoyProxy(
      Basic(), upstream: Self.mirrorInHeader, mode: buffered, filter: { $0.allowAllRouting = true }
    ) { proxy in
      let response = try await proxy.connect().send(HTTPRequest("POST", "/path", fields: ["foo": "1"], body: "abc"))
      #expect(response.status == 200 && response.text == "" && response.fields["hello"] == "service-extensions")
      #expect(response.fields["x-request-body"] == "replaced-body" && response.fields["x-request-path"] == "/")
      #expect(response.fields["x-request-host"] == "service-extensions.com")
    }
  }

  @Test("BodyLogger")
  func bodyLogger() async throws {
    let mode = { (mode: inout ProcessingMode) in
      (mode.requestBodyMode, mode.responseBodyMode) = (.fullDuplexStreamed, .fullDuplexStreamed)
      (mode.requestTrailerMode, mode.responseTrailerMode) = (.send, .send)
    }
    let upstream: HTTPUpstream.Responder = { request in
      HTTPResponse(
        fields: [
          "x-request-length": request.fields["x-body-length"] ?? "none",
          "x-request-logged": request.trailers["x-logged"] ?? "no",
          "x-request-body": String(buffer: request.body),
        ], body: "from upstream", isChunked: true, trailers: ["t": "2"])
    }
    try await withEnvoyProxy(BodyLogger(), upstream: upstream, mode: mode) { proxy in
      let request = HTTPRequest("POST", "/x", body: "abc", isChunked: true, trailers: ["t": "1"])
      let response = try await proxy.connect().send(request)
      #expect(response.status == 200 && response.text == "from upstream")
      #expect(response.fields["x-request-length"] == "3" && response.fields["x-request-logged"] == "yes")
      #expect(response.fields["x-request-body"] == "abc" && response.fields["x-body-length"] == "13")
      #expect(response.trailers["t"] == "2" && response.trailers["x-logged"] == "yes")
      let logged = proxy.log.entries.filter { ["request", "response"].contains($0.message) }
      #expect(logged.map { $0.metadata["body"] } == [#""abc""#, #""from upstream""#])
    }
  }

  @Test("DynamicForwarding")
  func dynamicForwarding() async throws {
    let namespace = Callouts.DynamicForwarding.namespace
    try await withEnvoyProxy(
      DynamicForwardingCallout(),
      filter: { $0.furtherJSON = #"{"metadata_options": {"receiving_namespaces": {"untyped": ["\#(namespace)"]}}}"# },
      envoy: {
        $0.routesJSON = [
          #"""
          {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "response_headers_to_add":
           [{"header": {"key": "x-endpoint", "value": "%DYNAMIC_METADATA(\#(namespace):primary)%"}}]}
          """#
        ]
      }
    ) { proxy in
      let connection = try await proxy.connect()
      #expect(try await connection.get("/").fields["x-endpoint"] == "10.1.10.4:80")
      let known = try await connection.get("/", fields: ["ip-to-return": "10.1.10.2"])
      #expect(known.fields["x-endpoint"] == "10.1.10.2:80")
    }
  }

  /// Sets the metadata that the next callout in the chain looks for.
  private final class SetsMetadata: CalloutServer, @unchecked Sendable {
    override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
      headers.contains("set") ? .continue.settingMetadata(["fr": "x"], in: "test") : .continue
    }
  }

  @Test("MetadataServer")
  func metadataServer() async throws {
    try await withRunningServer(SetsMetadata()) { other in
      try await withEnvoyProxy(
        MetadataServer(), mode: { $0.responseBodyMode = .buffered },
        filter: { $0.furtherJSON = #"{"metadata_options": {"forwarding_namespaces": {"untyped": ["test"]}}}"# },
        envoy: {
          var first = EnvoyConfiguration.Callout(other.addresses.plaintext!)
          first.name = "first"
          first.furtherJSON = #"{"metadata_options": {"receiving_namespaces": {"untyped": ["test"]}}}"#
          $0.callouts.insert(first, at: 0)
        }
      ) { proxy in
        let connection = try await proxy.connect()
        for isSet in [true, false] {
          let response = try await connection.get("/", fields: isSet ? ["set": "1"] : [:])
          #expect(response.status == 200 && response.text == "e2e-test")
          #expect(response.fields["service-callout-response-intercept"] == "intercepted")
          #expect(response.fields["metadata"] == (isSet ? "found" : nil))
        }
      }
    }
  }

  @Test("NormalizeHeader")
  func normalizeHeader() async throws {
    try await withEnvoyProxy(NormalizeHeader()) { proxy in
      let response = try await proxy.connect().get("/", fields: ["host": "m.example.com"])
      #expect(response.text.contains("client-device-type: mobile"))
    }
  }

  @Test("ObservabilityServer, which answers nothing")
  func observabilityServer() async throws {
    let callout = ObservabilityServer()
    try await withEnvoyProxy(callout, mode: { $0.requestBodyMode = .streamed }, filter: { $0.observabilityMode = true })
    { proxy in
      let connection = try await proxy.connect()
      for _ in 0..<2 {
        #expect(try await connection.send(HTTPRequest("POST", body: "abc")).status == 200)
      }
      let expected = #"""
        {"request_body_count":2,"request_header_count":2,"response_body_count":0,"response_header_count":2}
        """#
      // The proxy does not wait for the callout.
      while callout.json.description != expected {
        try Task.checkCancellation()
        await Task.yield()
      }
    }
  }

  @Test("Redirect")
  func redirect() async throws {
    let asked = Mutex(0)
    let upstream: HTTPUpstream.Responder = { request in
      asked.withLock { $0 += 1 }
      return HTTPUpstream.echo(request)
    }
    try await withEnvoyProxy(Redirect(), upstream: upstream, filter: { $0.failureModeAllow = true }) { proxy in
      let response = try await proxy.connect().get("/")
      #expect(response.status == 301)
      #expect(response.fields["location"] == "http://service-extensions.com/redirect")
    }
    #expect(asked.withLock { $0 } == 0)
  }

  @Test("SetCookie")
  func setCookie() async throws {
    let upstream: HTTPUpstream.Responder = { request in
      HTTPResponse(fields: request.path == "/cookie" ? ["cookie-check": "1", "set-cookie": "other=1"] : [:])
    }
    try await withEnvoyProxy(SetCookieCallout(), upstream: upstream) { proxy in
      let connection = try await proxy.connect()
      let cookies = try await connection.get("/cookie").fields.values(of: "set-cookie")
      #expect(cookies == ["other=1", "your_cookie_name=cookie_value; Max-Age=3600; Path=/"])
      #expect(try await connection.get("/").fields["set-cookie"] == nil)
    }
  }

  @Test("UpdateHeader")
  func updateHeader() async throws {
    let upstream: HTTPUpstream.Responder = { request in
      var response = HTTPUpstream.echo(request)
      response.fields.add("header-response", "old")
      return response
    }
    try await withEnvoyProxy(UpdateHeader(), upstream: upstream) { proxy in
      let response = try await proxy.connect().get("/", fields: ["header-request": "old"])
      #expect(response.text.contains("header-request: request-new-value") && !response.text.contains("old"))
      #expect(response.fields.values(of: "header-response") == ["response-new-value"])
    }
  }

  /// Tells in headers what arrived, for the body may be replaced on its way.
  private static let mirrorInHeader: HTTPUpstream.Responder = { request in
    HTTPResponse(
      fields: [
        "x-request-body": String(buffer: request.body),
        "x-request-length": request.fields["content-length"] ?? "none", "x-request-path": request.path,
        "x-request-host": request.fields["host"] ?? "none",
        "x-mock-response": request.fields["mock-response"] ?? "none",
      ], body: "from upstream")
  }
}
