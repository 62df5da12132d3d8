// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtProcTesting
import NIOConcurrencyHelpers
import Testing

@Suite(
  "AuthorizationFilter is as strict as Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(2)))
struct AuthorizationFilterTests {
  private static let upstream: HTTPUpstream.Responder = { _ in HTTPResponse(fields: ["x-up": "o"], body: "up") }

  private static func request(_ name: String, body: String = "") -> HTTPRequest {
    HTTPRequest(
      body.isEmpty ? "GET" : "POST", "/p?b=2&a=1&flag&a=3",
      fields: ["host": "test.example", "x-case": name, "x-have": "o"], body: body)
  }

  private func compare(
    _ filter: AuthorizationFilter, _ cases: [AuthorizationCase] = AuthorizationCase.all, bodies: [String] = [""]
  ) async throws {
    let (server, seen) = (ScriptedAuthorization(cases), Seen())
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return Self.upstream(request)
    }
    try await withHTTPUpstream(upstream) { upstream in
      try await withRunningServer(server) { running in
        var configuration = EnvoyConfiguration(upstream: upstream.address)
        configuration.authorizations = [try .init(running.addresses.plaintext!, filter)]
        configuration.showsResponseCodeDetails = true
        try await withEnvoy(configuration) { envoy in
          let client = try await running.client()
          for (each, body) in cases.flatMap({ each in bodies.map { (each, $0) } }) {
            let request = Self.request(each.name, body: body)
            let real = try await real(request, envoy, seen, server)
            let played = try await played(request, client, filter, server)
            #expect(real == played, "\(each.name)\nEnvoy:\n\(real)\nAuthorizationFilter:\n\(played)")
          }
        }
      }
    }
  }

  private func real(
    _ request: HTTPRequest, _ envoy: EnvoyProcess, _ seen: Seen, _ server: ScriptedAuthorization
  ) async throws -> SeenExchange {
    let before = seen.count
    server.asked.withLockedValue { $0 = nil }
    let connection = try await HTTPConnection.connect(to: envoy.address)
    let response = try await connection.send(request)
    await connection.close()
    let details = response.fields["x-response-code-details"].map { String($0.prefix { $0 != "{" }) }
    var outcome = SeenExchange(
      response.status, details, Self.isOwn(details) ? [:] : response.fields,
      Self.isOwn(details) ? "" : response.text, seen.count > before ? seen.last : nil)
    outcome.note(server.asked.withLockedValue { $0 })
    return outcome
  }

  private func played(
    _ request: HTTPRequest, _ client: CalloutClient, _ filter: AuthorizationFilter, _ server: ScriptedAuthorization
  ) async throws -> SeenExchange {
    server.asked.withLockedValue { $0 = nil }
    var outcome: SeenExchange
    do {
      let exchange = try await filter.exchange(request, with: client) { Self.upstream($0) }
      let details = exchange.responseCodeDetails == "via_upstream" ? nil : exchange.responseCodeDetails
      outcome = SeenExchange(
        exchange.response.status, details, exchange.response.fields, exchange.response.text, exchange.upstreamRequest)
      if exchange.allowedFailure != nil { #expect(filter.failureModeAllow) }
    } catch let failure as ExchangeFailure {
      outcome = SeenExchange(
        failure.status ?? 0, failure.responseCodeDetails,
        Self.isOwn(failure.responseCodeDetails) ? [:] : ["content-length": "0"], "", nil)
    }
    outcome.note(server.asked.withLockedValue { $0 })
    return outcome
  }

  /// An answer whose text is Envoy's.
  private static func isOwn(_ details: String?) -> Bool { details == "filter_removed_required_request_headers" }

  @Test("by default")
  func byDefault() async throws { try await compare(AuthorizationFilter()) }

  @Test("where failures are allowed")
  func failureModeAllow() async throws {
    try await compare(
      AuthorizationFilter {
        $0.failureModeAllow = true
        $0.failureModeAllowHeaderAdd = true
      })
  }

  @Test("with another status on errors")
  func statusOnError() async throws { try await compare(AuthorizationFilter { $0.statusOnError = 503 }) }

  @Test("where mutations are validated")
  func validateMutations() async throws {
    try await compare(
      AuthorizationFilter {
        $0.validateMutations = true
        $0.failureModeAllow = true
      }, AuthorizationCase.all + AuthorizationCase.validated)
  }

  private static let few = AuthorizationCase.all.filter { ["a status alone", "deny"].contains($0.name) }

  @Test("with bodies that are not sent")
  func bodiesUnsent() async throws { try await compare(AuthorizationFilter(), Self.few, bodies: ["abc"]) }

  @Test(
    "with bodies, whole and in part, as text and as bytes",
    arguments: [(false, false), (false, true), (true, false), (true, true)])
  func bodies(allowsPartial: Bool, bytes: Bool) async throws {
    try await compare(
      AuthorizationFilter {
        $0.encodeRawHeaders = bytes
        $0.requestBody = .init(maxRequestBytes: 3)
        $0.requestBody?.allowPartialMessage = allowsPartial
        $0.requestBody?.packAsBytes = bytes
      }, Self.few, bodies: ["", "abc", "abcde", "ab\u{e9}"])
  }
}
