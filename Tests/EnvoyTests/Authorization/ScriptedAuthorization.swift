// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import EnvoyAPI
import ExtProcTesting
import Logging
import NIOConcurrencyHelpers
import NIOCore
import XDSConfig

/// Replies as the request's `x-case` says, and notes what it was asked.
final class ScriptedAuthorization: ServableCallout, @unchecked Sendable {
  // Unchecked: of what is here all but the box is constant.
  var cases: [String: AuthorizationCase] = [:]
  let asked = NIOLockedValueBox<CheckRequestMessage?>(nil)

  init() {}

  convenience init(_ cases: [AuthorizationCase]) {
    self.init()
    for each in cases { self.cases[each.name] = each }
  }

  let calloutFilter = CalloutFilter.extAuthz(CalloutFilter.ExtAuthz())

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
struct SeenExchange: Equatable, CustomStringConvertible {
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
