// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import AddHeader
@testable import DynamicForwarding
@testable import MetadataServer
@testable import NormalizeHeader
@testable import Redirect
@testable import SetCookie
@testable import UpdateHeader

@Suite("Examples that change headers")
struct HeaderExamplesTests {
  @Test("AddHeader adds a header each way and removes one from the response")
  func addHeader() async throws {
    let harness = CalloutHarness(AddHeader())
    #expect(
      try await harness.reply(to: .requestHeaders([":path": "/"]))
        == Expected.requestHeaders(["header-request": "request"], clearRouteCache: true))
    #expect(
      try await harness.reply(to: .responseHeaders([":status": "200"]))
        == Expected.responseHeaders(["header-response": "response"], remove: ["foo"]))
  }

  @Test("UpdateHeader overwrites a header each way", arguments: [false, true])
  func updateHeader(endOfStream: Bool) async throws {
    let harness = CalloutHarness(UpdateHeader())
    #expect(
      try await harness.reply(to: .requestHeaders(["header-request": "old"], endOfStream: endOfStream))
        == Expected.requestHeaders(["header-request": "request-new-value"], clearRouteCache: true))
    #expect(
      try await harness.reply(to: .responseHeaders([:], endOfStream: endOfStream))
        == Expected.responseHeaders(["header-response": "response-new-value"]))
  }

  @Test(
    "NormalizeHeader tells the kind of device by the host's name",
    arguments: [
      ("m.example.com", "mobile"), ("t.example.com", "tablet"), ("www.example.com", "desktop"),
      ("m.example.com:8080", "mobile"), ("www.M.Example.com", "mobile"), ("a.t.example.com", "tablet"),
      // Names that only end alike.
      ("team.example.com", "desktop"), ("test.example.com", "desktop"), ("m.example.com.evil.test", "desktop"),
    ])
  func normalizeHeader(authority: String, type: String) async throws {
    let reply = try await CalloutHarness(NormalizeHeader()).reply(to: .requestHeaders([":authority": authority]))
    #expect(reply == Expected.requestHeaders(["client-device-type": type], clearRouteCache: true))
  }

  @Test("NormalizeHeader lets a request without a host pass")
  func noAuthority() async throws {
    let reply = try await CalloutHarness(NormalizeHeader()).reply(to: .requestHeaders([:]))
    #expect(reply == Expected.passingRequestHeaders)
  }

  @Test("SetCookie sets a cookie where the response asks for one")
  func setCookie() async throws {
    let reply = try await CalloutHarness(SetCookieCallout()).reply(to: .responseHeaders(["cookie-check": "value"]))
    let set = reply.responseHeaders.response.headerMutation.setHeaders
    #expect(set.count == 1 && set[0].header.key == "set-cookie")
    #expect(set[0].header.rawValue == .init("your_cookie_name=cookie_value; Max-Age=3600; Path=/".utf8))
    #expect(set[0].appendAction == .appendIfExistsOrAdd)
  }

  @Test(
    "SetCookie lets other responses pass", arguments: [[:], ["cookie-check": ""]] as [KeyValuePairs<String, String>])
  func noCookie(headers: KeyValuePairs<String, String>) async throws {
    let reply = try await CalloutHarness(SetCookieCallout()).reply(to: .responseHeaders(headers))
    #expect(reply == Expected.passingResponseHeaders)
  }

  @Test("Redirect sends the client elsewhere")
  func redirect() async throws {
    let response = try await CalloutHarness(Redirect()).reply(to: .requestHeaders([:])).immediateResponse
    #expect(response.status.code == .movedPermanently)
    #expect(response.headers.setHeaders == [Expected.setting("location", "http://service-extensions.com/redirect")])
  }

  @Test(
    "DynamicForwarding names an endpoint that it knows, or its default",
    arguments: [
      (["ip-to-return": "10.1.10.2"], "10.1.10.2:80"), (["ip-to-return": "10.1.10.3"], "10.1.10.3:80"),
      ([:], "10.1.10.4:80"), (["ip-to-return": "10.1.10.10"], "10.1.10.4:80"), (["ip-to-return": "x"], "10.1.10.4:80"),
    ] as [(KeyValuePairs<String, String>, String)])
  func dynamicForwarding(headers: KeyValuePairs<String, String>, endpoint: String) async throws {
    let message = ProcessingRequestMessage.requestHeaders(headers, endOfStream: true)
    let reply = try await CalloutHarness(DynamicForwardingCallout()).reply(to: message)
    let primary: Google_Protobuf_Struct = ["primary": .init(stringValue: endpoint)]
    let metadata: Google_Protobuf_Struct = [
      "com.google.envoy.dynamic_forwarding.selected_endpoints": .init(structValue: primary)
    ]
    #expect(reply.dynamicMetadata == metadata)
    #expect(reply.requestHeaders == .init())
  }

  @Test(
    "MetadataServer says that it was here, and whether metadata was sent",
    arguments: [(["fr": "x"], true), (["fr": ""], false), (["fr": 1], false), (["other": "x"], false), ([:], false)]
      as [([String: Google_Protobuf_Value], Bool)])
  func metadataServer(fields: [String: Google_Protobuf_Value], isFound: Bool) async throws {
    let harness = CalloutHarness(MetadataServer())
    let reply = try await harness.reply(to: .responseHeaders([:]).withMetadata(fields, in: "any"))
    let names = reply.responseHeaders.response.headerMutation.setHeaders.map(\.header.key)
    let always = ["service-callout-response-intercept", "x-used-deltas-gfe3", "x-used-staging-gfe3", "x-ext-proc"]
    #expect(names == (isFound ? ["metadata"] : []) + always)
    #expect(
      reply.responseHeaders.response.headerMutation.setHeaders.map {
        String(decoding: $0.header.rawValue, as: UTF8.self)
      }
        == (isFound ? ["found"] : []) + ["intercepted", "", "", ""])
    #expect(try await harness.reply(to: .responseBody("x")) == Expected.responseBody("e2e-test"))
  }
}
