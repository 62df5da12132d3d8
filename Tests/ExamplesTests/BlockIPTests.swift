// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

@testable import BlockIP

@Suite("BlockIP")
struct BlockIPTests {
  /// What x-forwarded-for says, nil for none, and the status with which the request is denied, or nil where it passes.
  static let cases: [(forwarded: String?, denied: Int?)] = [
    ("10.0.0.1, 192.168.1.1", 403), ("192.168.1.1, 10.0.0.1", nil), (nil, 403), ("invalid-ip-address", 403),
    ("", 403), ("  ", 403), (" , 1.1.1.1", 403), (",1.1.1.1", 403), ("1.1.1.1", nil), (" \t1.1.1.1 , x", nil),
    ("10.0.0.0", 403), ("10.0.0.255", 403), ("10.0.1.0", nil), ("9.255.255.255", nil), ("2001:db8::1", nil),
    ("::1", nil), ("::ffff:10.0.0.5", 403), ("::FFFF:0a00:0005", 403), ("0:0:0:0:0:ffff:0a00:5", 403),
    ("::10.0.0.5", 403), ("64:ff9b::a00:5", 403), ("::ffff:1.1.1.1", nil), ("::ffff:10.0.1.5", nil),
    ("10.0.0.05", 403), ("010.0.0.5", 403), ("1.1.1", 403), ("1.1.1.1:80", 403), ("[::1]", 403), ("1.1.1.1 2", 403),
    ("1.1.1.256", 403), ("0x1.1.1.1", 403), ("::g", 403),
  ]

  @Test("the first address decides", arguments: 0..<cases.count)
  func firstAddress(index: Int) async throws {
    let (forwarded, denied) = Self.cases[index]
    let headers: KeyValuePairs<String, String> = forwarded.map { ["X-Forwarded-For": $0] } ?? [:]
    try await check(.check(headers: headers), denied: denied)
    let raw: KeyValuePairs<String, [UInt8]> = forwarded.map { ["X-Forwarded-For": Array($0.utf8)] } ?? [:]
    try await check(.check().withRawHeaders(raw), denied: denied)
  }

  @Test("a map's names are found in any case")
  func anyCase() async throws {
    var message = CheckRequestMessage.check()
    message.attributes.request.http.headers["X-Forwarded-FOR"] = "1.1.1.1"
    try await check(message, denied: nil)
  }

  @Test("bytes that are no text are denied with 500", arguments: [[0xff], [0x31, 0xc3]] as [[UInt8]])
  func noText(bytes: [UInt8]) async throws {
    try await check(.check().withRawHeaders(["x-forwarded-for": bytes]), denied: 500)
  }

  @Test("an address ends where the text does")
  func nul() async throws {
    try await check(.check().withRawHeaders(["x-forwarded-for": Array("1.1.1.1\0".utf8)]), denied: 403)
  }

  private func check(_ message: CheckRequestMessage, denied: Int?) async throws {
    let reply = try await AuthorizationHarness(BlockIP()).reply(to: message)
    if let denied {
      #expect(reply.status.code == 7 && reply.deniedResponse.status.code.rawValue == denied)
      #expect(
        reply.deniedResponse.headers.map { "\($0.header.key): \($0.header.value)" } == ["x-client-ip-allowed: false"])
    } else {
      #expect(reply.status.code == 0)
      #expect(reply.okResponse.headers.map { "\($0.header.key): \($0.header.value)" } == ["x-client-ip-allowed: true"])
    }
  }

  @Test("its filter, without an Envoy")
  func filter() async throws {
    let filter = AuthorizationFilter()
    let allowed = try await filter.exchange(
      HTTPRequest("GET", "/", fields: ["x-forwarded-for": "1.1.1.1", "x-client-ip-allowed": "me"]), with: BlockIP())
    #expect(allowed.upstreamRequest?.fields.values(of: "x-client-ip-allowed") == ["true"])
    #expect(allowed.response.status == 200 && allowed.warnings.isEmpty)
    let denied = try await filter.exchange(HTTPRequest(), with: BlockIP())
    #expect(denied.upstreamRequest == nil && denied.response.status == 403)
    #expect(denied.response.fields["x-client-ip-allowed"] == "false")
  }
}

@Suite(
  "BlockIP behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(1)))
struct BlockIPEnvoyTests {
  @Test("what it denies is denied, where failures are allowed and where headers are raw", arguments: [true, false])
  func cases(raw: Bool) async throws {
    let filter = AuthorizationFilter {
      $0.failureModeAllow = true
      $0.encodeRawHeaders = raw
    }
    try await withEnvoyProxy(BlockIP(), filter: { $0 = try .init($0.address, filter) }) { proxy in
      let connection = try await proxy.connect()
      for (forwarded, denied) in BlockIPTests.cases {
        let response = try await connection.get("/", fields: forwarded.map { ["x-forwarded-for": $0] } ?? [:])
        #expect(response.status == denied ?? 200, "\(forwarded ?? "none")")
        #expect(response.fields["x-client-ip-allowed"] == (denied == nil ? nil : "false"))
        #expect(response.text.contains("x-client-ip-allowed: true") == (denied == nil))
      }
    }
  }
}
