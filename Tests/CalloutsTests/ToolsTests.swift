// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@Suite("What callouts often do")
struct ToolsTests {
  private func headers(_ fields: KeyValuePairs<String, String>) throws -> HTTPHeaders {
    try ProcessingRequest(serialized: ProcessingRequestMessage.requestHeaders(fields).serialized()).headers()
  }

  private func body(_ text: String) throws -> HTTPBody {
    try ProcessingRequest(serialized: ProcessingRequestMessage.requestBody(text).serialized()).body()
  }

  private func sent(_ reply: HeadersReply) async throws -> ProcessingResponseMessage {
    try await CalloutHarness(Given(headers: { _, _ in reply })).reply(to: .requestHeaders([:]))
  }

  @Test("a header contains a value if one of its values is that one")
  func headerContains() throws {
    let headers = try headers(["X-Role": "user", "x-role": "admin"])
    #expect(headers.contains("x-ROLE", value: "admin"))
    #expect(headers.contains("x-role", value: "user"))
    #expect(!headers.contains("x-role", value: "Admin"))
    #expect(!headers.contains("x-rol", value: "admin"))
  }

  @Test("cookies are read from every cookie header, quotes and spaces aside, the first of a name")
  func cookies() throws {
    let headers = try headers(["cookie": "a=1; b=\"two\" ;bad; =none;c=x=y", "Cookie": "a=9; d="])
    #expect(headers.cookies == ["a": "1", "b": "two", "c": "x=y", "d": ""])
    #expect(try self.headers(["x": "a=1"]).cookies.isEmpty)
  }

  @Test(
    "a body contains a text wherever it is",
    arguments: [
      ("secret", true), ("a sec", true), ("cret.", true), ("a secret.", true), ("", true), ("secrets", false),
      ("a secret. ", false), ("sse", false),
    ])
  func bodyContains(text: String, found: Bool) throws {
    #expect(try body("a secret.").contains(text) == found)
  }

  @Test("a body is searched past a beginning that only looks right")
  func falseStarts() throws {
    #expect(try body("aaab").contains("aab"))
    #expect(try !body("aaaa").contains("aab"))
    #expect(try !body("").contains("a"))
    #expect(try body("\u{0}\u{ff}x").contains(bytes: Array("\u{ff}".utf8)))
  }

  @Test("a cookie is set beside others, with all that it says")
  func setCookie() async throws {
    var mutation = HeaderMutation()
    try mutation.setCookie(
      SetCookie(
        "id", "42", maxAge: 60, domain: "example.com", path: "/", isSecure: true, isHTTPOnly: true, sameSite: .lax))
    try mutation.setCookie(.removing("old", path: "/"))
    let settings = try await sent(.mutate(mutation)).requestHeaders.response.headerMutation.setHeaders
    #expect(settings.map(\.header.key) == ["set-cookie", "set-cookie"])
    #expect(settings.allSatisfy { $0.append.value })
    #expect(
      settings.map { String(decoding: $0.header.rawValue, as: UTF8.self) } == [
        "id=42; Max-Age=60; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=Lax", "old=; Max-Age=0; Path=/",
      ])
  }

  @Test(
    "a cookie that would say something else is refused",
    arguments: [
      SetCookie("a b", "1"), SetCookie("", "1"), SetCookie("a", "1; Domain=evil.example"), SetCookie("a", "1\r\nx: 1"),
      SetCookie("a", "1", path: "/;x"), SetCookie("a", "é"),
    ])
  func badCookie(cookie: SetCookie) {
    #expect(throws: CalloutError.self) { try cookie.headerValue() }
  }

  @Test("a redirect, a refusal and a demand for credentials are immediate responses")
  func immediateResponses() async throws {
    let redirect = try await sent(.immediate(.redirect(to: "https://example.com/", status: 308))).immediateResponse
    #expect(redirect.status.code == .permanentRedirect)
    #expect(redirect.headers.setHeaders.map(\.header.key) == ["location"])
    #expect(redirect.details == "redirected_by_callout")

    let forbidden = try await sent(.immediate(.forbidden("no"))).immediateResponse
    #expect(forbidden.status.code == .forbidden)
    #expect(String(decoding: forbidden.body, as: UTF8.self) == "no")
    #expect(forbidden.headers.setHeaders.map(\.header.key) == ["content-type"])

    let unauthorized = try await sent(.immediate(.unauthorized(challenge: "Bearer"))).immediateResponse
    #expect(unauthorized.status.code == .unauthorized)
    #expect(unauthorized.headers.setHeaders.map(\.header.key) == ["www-authenticate"])
    #expect(unauthorized.body.isEmpty)

    let json = try await sent(.immediate(.json(ByteBuffer(string: "{}"), status: 201))).immediateResponse
    #expect(json.status.code == .created)
    #expect(json.headers.setHeaders.first?.header.rawValue == Data("application/json".utf8))
  }

  @Test(
    "the endpoint of dynamic forwarding has an IPv6 address in brackets",
    arguments: [("10.1.10.4", "10.1.10.4:80"), ("::1", "[::1]:80"), ("2001:DB8:0::5", "[2001:db8::5]:80")])
  func dynamicForwarding(address: String, endpoint: String) async throws {
    let reply = HeadersReply.continue.forwarding(to: try DynamicForwarding(address: address, port: 80))
    let metadata = try await sent(reply).dynamicMetadata
    let selected = metadata.fields["com.google.envoy.dynamic_forwarding.selected_endpoints"]?.structValue
    #expect(selected?.fields["primary"]?.stringValue == endpoint)
  }

  @Test("what is no endpoint is refused", arguments: [("example.com", UInt16(80)), ("", 80), ("10.0.0.1", 0)])
  func noEndpoint(address: String, port: UInt16) {
    #expect(throws: CalloutError.self) { try DynamicForwarding(address: address, port: port) }
  }
}
