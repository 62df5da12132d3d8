// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import EnvoyAPI
import ExtProcTesting
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Replies as the request's `x-case` says, and notes what it was asked.
private final class Scripted: ServableCallout, @unchecked Sendable {
  // Unchecked: of what is here all but the box is constant.
  var cases: [String: AuthorizationCase] = [:]
  let asked = NIOLockedValueBox<CheckRequestMessage?>(nil)

  init() {}

  convenience init(_ cases: [AuthorizationCase]) {
    self.init()
    for each in cases { self.cases[each.name] = each }
  }

  func grpcService(logger: Logger) -> GRPCService {
    let check = GRPCMethod.unary("Check") { [self] (request: CheckRequestMessage, _) -> CheckResponseMessage in
      asked.withLockedValue { $0 = request }
      let http = request.attributes.request.http
      let raw = http.headerMap.headers.first { $0.key == "x-case" }?.rawValue
      let name = http.headers["x-case"] ?? raw.map { String(decoding: $0, as: UTF8.self) } ?? ""
      return try cases[name]?.reply.get() ?? CheckResponseMessage()
    }
    return GRPCService("envoy.service.auth.v3.Authorization", methods: [check])
  }
}

/// What a client and an upstream saw, and the server was asked.
private struct SeenExchange: Equatable, CustomStringConvertible {
  var response: String
  var upstream: String?
  var asked: String?

  var description: String { "client: \(response)\nupstream: \(upstream ?? "nothing")\nserver: \(asked ?? "nothing")" }

  init(_ status: Int, _ details: String?, _ fields: HTTPFields, _ body: String, _ request: HTTPRequest?) {
    response = "\(status) \(details ?? "") \(Self.text(fields)) \(body)"
    upstream = request.map { "\($0.method) \($0.path) \(Self.text($0.fields)) \(String(buffer: $0.body))" }
  }

  /// In the order of their names, without what other parts of Envoy add.
  private static func text(_ fields: HTTPFields) -> String {
    fields.all.filter { !others.contains($0.name.lowercased()) }.map { "\($0.name.lowercased())=\($0.value)" }
      .sorted().joined(separator: "; ")
  }

  mutating func note(_ message: CheckRequestMessage?) {
    guard let http = message?.attributes.request.http else { return }
    var fields: HTTPFields = [:]
    for (name, value) in http.headers { fields.add(name, value) }
    for header in http.headerMap.headers { fields.add(header.key, String(decoding: header.rawValue, as: UTF8.self)) }
    asked =
      "\(http.method) \(http.path) \(http.host) \(http.scheme) \(http.protocol) \(http.size) \(Self.text(fields)) "
      + "\(http.body) \(Array(http.rawBody))"
  }

  private static let others: Set = [
    "date", "server", "x-request-id", "x-forwarded-proto", "x-envoy-expected-rq-timeout-ms", "x-response-code-details",
    "x-envoy-upstream-service-time", "connection", "transfer-encoding",
  ]
}

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
    let (server, seen) = (Scripted(cases), Seen())
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
    _ request: HTTPRequest, _ envoy: EnvoyProcess, _ seen: Seen, _ server: Scripted
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
    _ request: HTTPRequest, _ client: CalloutClient, _ filter: AuthorizationFilter, _ server: Scripted
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

  @Test(
    "with bodies, whole and in part, as text and as bytes",
    arguments: [(false, false), (false, true), (true, false), (true, true)])
  func bodies(allowsPartial: Bool, bytes: Bool) async throws {
    let cases = AuthorizationCase.all.filter { ["a status alone", "deny"].contains($0.name) }
    try await compare(
      AuthorizationFilter {
        $0.encodeRawHeaders = bytes
        $0.requestBody = .init(maxRequestBytes: 3)
        $0.requestBody?.allowPartialMessage = allowsPartial
        $0.requestBody?.packAsBytes = bytes
      }, cases, bodies: ["", "abc", "abcde", "ab\u{e9}"])
  }
}
