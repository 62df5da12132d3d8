// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf

/// What a server replies to a request, also what ours would not: taken through Envoy and through an `AuthorizationFilter`.
struct AuthorizationCase: Sendable {
  typealias Option = Envoy_Config_Core_V3_HeaderValueOption

  let name: String
  let reply: Result<CheckResponseMessage, GRPCStatus>

  init(_ name: String, _ reply: Result<CheckResponseMessage, GRPCStatus>) {
    self.name = name
    self.reply = reply
  }

  static func option(
    _ name: String, _ value: String, append: Bool? = nil, _ action: Option.HeaderAppendAction = .appendIfExistsOrAdd
  ) -> Option {
    .with {
      ($0.header.key, $0.header.value, $0.appendAction) = (name, value, action)
      if let append { $0.append.value = append }
    }
  }

  private static func ok(
    _ name: String, _ change: (inout Envoy_Service_Auth_V3_OkHttpResponse) -> Void
  ) -> AuthorizationCase {
    AuthorizationCase(
      name,
      .success(
        .with {
          $0.status = .init()
          change(&$0.okResponse)
        }))
  }

  private static func set(_ name: String, _ options: Option...) -> AuthorizationCase {
    ok(name) { $0.headers = options }
  }

  private static func respond(_ name: String, _ options: Option...) -> AuthorizationCase {
    ok(name) { $0.responseHeadersToAdd = options }
  }

  private static func query(
    _ name: String, set: KeyValuePairs<String, String> = [:], remove: [String] = []
  ) -> AuthorizationCase {
    ok(name) {
      $0.queryParametersToSet = set.map { name, value in .with { ($0.key, $0.value) = (name, value) } }
      $0.queryParametersToRemove = remove
    }
  }

  private static func deny(
    _ name: String, _ status: Int? = 403, code: Int32 = 7, body: String = "body", isError: Bool = false,
    headers options: [Option] = []
  ) -> AuthorizationCase {
    let response = Envoy_Service_Auth_V3_DeniedHttpResponse.with {
      if let status { $0.status.code = .init(rawValue: status) ?? .UNRECOGNIZED(status) }
      ($0.headers, $0.body) = (options, body)
    }
    return AuthorizationCase(
      name,
      .success(
        .with {
          $0.status.code = code
          $0.httpResponse = isError ? .errorResponse(response) : .deniedResponse(response)
        }))
  }

  /// What Envoy answers, in time and whatever else it is configured with.
  static let all: [AuthorizationCase] =
    [
      AuthorizationCase("an empty message", .success(.init())),
      AuthorizationCase("a status alone", .success(.with { $0.status = .init() })),
      AuthorizationCase("a failure", .failure(GRPCStatus(.unavailable, "x"))),
      AuthorizationCase("a failure that says PERMISSION_DENIED", .failure(GRPCStatus(.permissionDenied, "x"))),
      AuthorizationCase("a denial alone", .success(.with { $0.status.code = 7 })),
      AuthorizationCase(
        "a denial with ok_response",
        .success(
          .with {
            $0.status.code = 7
            $0.okResponse.headers = [option("x-new", "1")]
          })),
      set("set", option("X-New", "1", append: false), option("x-have", "2")),
      set("set twice", option("x-new", "1"), option("x-new", "2")),
      set("append", option("x-have", "1", append: true), option("x-have", "2", append: true)),
      set("append to what is missing", option("x-new", "1", append: true)),
      set("append before set", option("x-new", "1", append: true), option("x-new", "2")),
      set("append after set", option("x-have", "1"), option("x-have", "2", append: true)),
      set("an empty value", option("x-have", "")),
      set("an illegal value", option("x-new", "a\nb")),
      set("an illegal name", option("bad name", "1")),
      set("a path", option(":path", "/other?z=1")),
      set("a host", option("host", "other.example")),
      set("raw_value", .with { ($0.header.key, $0.header.rawValue) = ("x-new", .init("1".utf8)) }),
      ok("too many") { $0.headers = (0..<150).map { option("x-\($0)", "1") } },
      ok("too long") { $0.headers = [option("x-new", String(repeating: "v", count: 70_000))] },
      ok("remove") { $0.headersToRemove = ["X-Have", "x-none", "bad name"] },
      ok("remove what cannot be") { $0.headersToRemove = ["host", ":path", ":authority"] },
      ok("set and remove") {
        $0.headers = [option("x-have", "1")]
        $0.headersToRemove = ["x-have"]
      },
      query("query", set: ["n": "1", "a": "9", "e": ""], remove: ["b"]),
      query("no query", remove: ["a", "b"]),
      query("query set and removed", set: ["n": "1"], remove: ["n"]),
      query("query twice", set: ["n": "1", "n": "2"]),
      respond("respond append", option("x-up", "1"), option("x-none", "2"), option("x-none", "3")),
      respond("respond append and action", option("x-up", "1", append: true, .overwriteIfExistsOrAdd)),
      respond("respond no append and action", option("x-up", "1", append: false, .addIfAbsent)),
      respond(
        "respond set", option("x-up", "1", .overwriteIfExistsOrAdd), option("x-none", "2", .overwriteIfExistsOrAdd)),
      respond("respond if absent", option("x-up", "1", .addIfAbsent), option("x-none", "2", .addIfAbsent)),
      respond("respond if present", option("x-up", "1", .overwriteIfExists), option("x-none", "2", .overwriteIfExists)),
      respond("respond set before append", option("x-none", "1", .overwriteIfExistsOrAdd), option("x-none", "2")),
      respond("respond if absent twice", option("x-none", "1", .addIfAbsent), option("x-none", "2", .addIfAbsent)),
      deny("deny", 401, code: 16, headers: [option("x-new", "1"), option("x-new", "2")]),
      deny("deny without status", nil),
      deny("deny with 200", 200), deny("deny with 599", 599), deny("deny with an unknown code", code: 99),
      deny("deny without body", body: "", headers: [option("content-type", "text/html")]),
      deny("deny with a type", headers: [option("content-type", "application/json")]),
      deny("deny with append", headers: [option("x-new", "1", append: true), option("x-new", "2", append: false)]),
      deny(
        "deny with an action",
        headers: [option("x-new", "1", .addIfAbsent), option("x-new", "2", .overwriteIfExistsOrAdd)]),
      deny(
        "deny with Envoy's own", headers: [option("content-length", "99"), option(":status", "201"), option("", "1")]),
      deny("deny with OK", code: 0),
      deny("error", 503, code: 14, isError: true, headers: [option("x-new", "1")]),
      deny("error without status", nil, code: 14, isError: true),
      deny("error with OK", 503, code: 0, isError: true),
    ]

  /// What Envoy answers only where it validates mutations: else it never does, or sends a broken answer.
  static let validated: [AuthorizationCase] = [
    deny("deny with an illegal value", headers: [option("x-new", "a\nb")]),
    deny("deny with an illegal name", headers: [option("bad name", "1")]),
    respond("respond with an illegal value", option("x-new", "a\nb")),
    query("query with a space", set: ["n": "a b"]),
  ]
}
