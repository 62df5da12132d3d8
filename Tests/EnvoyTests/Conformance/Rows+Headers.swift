// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Row {
  private static let old = HTTPRequest(fields: ["x-old": "old"])
  private static let allowingRouting: Filter = { $0.allowAllRouting = true }

  private static func setting(
    _ name: String, _ value: String = "new", as rule: String, filter: @escaping Filter = { _ in },
    request: HTTPRequest = HTTPRequest(), see: (@Sendable (Exchange) -> String)? = nil, seen expected: String,
    older: [ClosedRange<EnvoyVersion>: String] = [:]
  ) -> Row {
    Row(
      .headers, rule, filter: filter, request: request,
      script: answeringRequestHeaders(.requestHeaders { $0.set(name, value) }),
      see: see ?? { $0.upstreamHeader(name) }, seen: expected, older: older)
  }

  /// Sets x-old, which the request has already, or x-new, which it has not.
  private static func action(
    _ action: Int, _ name: String, existing: Bool, append: Bool? = nil, seen expected: String
  ) -> Row {
    let header = existing ? "x-old" : "x-new"
    let appending = append.map { " and append \($0)" } ?? ""
    let state = existing ? "a header that is there" : "a header that is missing"
    return Row(
      .headers, "sets \(state) with append_action \(name)\(appending)", request: old,
      script: answeringRequestHeaders(
        .requestHeaders {
          $0.set(header, "new") { option in
            option.appendAction = .init(rawValue: action)!
            if let append { option.append.value = append }
          }
        }), see: { $0.upstreamHeader(header) }, seen: expected)
  }

  static let headers: [Row] = [
    setting("x-new", as: "sets a header", seen: "upstream gets x-new: new"),
    setting(
      "x-old", as: "sets a header that is there, with nothing said of how", request: old,
      seen: "upstream gets x-old: new"),
    action(0, "APPEND_IF_EXISTS_OR_ADD", existing: true, seen: "upstream gets x-old: new"),
    action(0, "APPEND_IF_EXISTS_OR_ADD", existing: true, append: true, seen: "upstream gets x-old: old and new"),
    action(1, "ADD_IF_ABSENT", existing: true, seen: "upstream gets x-old: new"),
    action(1, "ADD_IF_ABSENT", existing: false, seen: "upstream gets x-new: new"),
    action(2, "OVERWRITE_IF_EXISTS_OR_ADD", existing: true, seen: "upstream gets x-old: new"),
    action(2, "OVERWRITE_IF_EXISTS_OR_ADD", existing: true, append: true, seen: "upstream gets x-old: old and new"),
    action(3, "OVERWRITE_IF_EXISTS", existing: true, seen: "upstream gets x-old: new"),
    action(3, "OVERWRITE_IF_EXISTS", existing: false, seen: "upstream gets x-new: new"),
    Row(
      .headers, "sets a header in `value`",
      script: answeringRequestHeaders(
        .requestHeaders {
          $0.headerMutation.setHeaders = [.with { $0.header = .with { ($0.key, $0.value) = ("x-new", "new") } }]
        }),
      see: { $0.upstreamHeader("x-new") }, seen: "upstream gets x-new: "),
    Row(
      .headers, "sets a header in both `value` and `raw_value`",
      script: answeringRequestHeaders(.requestHeaders { $0.set("x-new", "raw") { $0.header.value = "plain" } }),
      see: { $0.upstreamHeader("x-new") }, seen: "upstream gets x-new: raw"),
    Row(
      .headers, "sets a header to bytes that are not UTF-8",
      script: answeringRequestHeaders(
        .requestHeaders { $0.set("x-new", "") { $0.header.rawValue = Data([0x61, 0xff]) } }),
      see: { $0.upstream.last?.fields["x-new"] == nil ? $0.outcome : "upstream gets them" }, seen: "upstream gets them"),
    setting(
      "x new", as: "sets a header whose name has a space", see: \.outcome,
      seen: "500 header_mutation_set_contains_invalid_character",
      older: beforeVersion137("500 Invalid_character_in_set_headers_mutation.")),
    setting(
      "x-new", "a\nb", as: "sets a header whose value has a line break", see: \.outcome,
      seen: "500 header_mutation_set_contains_invalid_character",
      older: beforeVersion137("500 Invalid_character_in_set_headers_mutation.")),
    setting(
      "x-new", "a\u{1}b", as: "sets a header whose value has a control character", see: \.outcome,
      seen: "500 header_mutation_set_contains_invalid_character",
      older: beforeVersion137("500 Invalid_character_in_set_headers_mutation.")),
    setting(
      "X-New", as: "sets a header whose name has capitals", see: { $0.upstreamHeader("x-new") },
      seen: "upstream gets x-new: new"),
    setting("x-new", "", as: "sets a header to nothing", seen: "upstream gets x-new: "),
    setting(
      ":path", "/new", as: "sets :path", see: { "upstream gets \($0.upstream.last?.path ?? "nothing")" },
      seen: "upstream gets /new"),
    setting(
      ":authority", "new.com", as: "sets :authority", request: HTTPRequest(fields: ["host": "old.com"]),
      see: { $0.upstreamHeader("host") }, seen: "upstream gets host: old.com"),
    setting(
      "host", "new.com", as: "sets host", request: HTTPRequest(fields: ["host": "old.com"]),
      seen: "upstream gets host: old.com"),
    setting(
      ":method", "PUT", as: "sets :method", see: { "upstream gets \($0.upstream.last?.method ?? "nothing")" },
      seen: "upstream gets GET"),
    setting(":scheme", "https", as: "sets :scheme", see: \.outcome, seen: "200"),
    setting("x-envoy-new", as: "sets x-envoy-new", seen: "upstream gets no x-envoy-new"),
    setting(
      ":authority", "new.com", as: "sets :authority with allow_all_routing", filter: allowingRouting,
      request: HTTPRequest(fields: ["host": "old.com"]), see: { $0.upstreamHeader("host") },
      seen: "upstream gets host: new.com"),
    setting(
      ":method", "PUT", as: "sets :method with allow_all_routing", filter: allowingRouting,
      see: { "upstream gets \($0.upstream.last?.method ?? "nothing")" }, seen: "upstream gets PUT"),
    setting(
      "x-envoy-new", as: "sets x-envoy-new with allow_envoy",
      filter: { $0.furtherJSON = #"{"mutation_rules": {"allow_envoy": true}}"# }, seen: "upstream gets x-envoy-new: new"
    ),
    setting(
      ":method", "PUT", as: "sets :method with disallow_is_error",
      filter: { $0.furtherJSON = #"{"mutation_rules": {"disallow_is_error": true}}"# }, see: \.outcome,
      seen: "500 header_mutation_set_headers_failed", older: beforeVersion137("500 Invalid_attempt_to_modify_")),
    Row(
      .headers, "removes a header", request: old,
      script: answeringRequestHeaders(.requestHeaders { $0.headerMutation.removeHeaders = ["x-old"] }),
      see: { $0.upstreamHeader("x-old") }, seen: "upstream gets no x-old"),
    Row(
      .headers, "removes and sets the same header", request: old,
      script: answeringRequestHeaders(
        .requestHeaders {
          $0.headerMutation.removeHeaders = ["x-old"]
          $0.set("x-old", "new")
        }), see: { $0.upstreamHeader("x-old") }, seen: "upstream gets x-old: new"),
    Row(
      .headers, "removes :path and host",
      script: answeringRequestHeaders(.requestHeaders { $0.headerMutation.removeHeaders = [":path", "host"] }),
      seen: "200"),
    Row(
      .headers, "sets 150 headers",
      script: answeringRequestHeaders(.requestHeaders { for number in 0..<150 { $0.set("x-\(number)", "1") } }),
      seen: "500 header_mutation_operation_count_exceeds_limit",
      older: beforeVersion137(
        "500 Header_mutation_remove_header_count_0_or_set_header_count_150_exceed_the_HCM_header_countlimit_100")),
    Row(
      .headers, "removes 150 headers",
      script: answeringRequestHeaders(
        .requestHeaders { $0.headerMutation.removeHeaders = (0..<150).map { "x-\($0)" } }),
      seen: "500 header_mutation_operation_count_exceeds_limit",
      older: beforeVersion137(
        "500 Header_mutation_remove_header_count_150_or_set_header_count_0_exceed_the_HCM_header_countlimit_100")),
    Row(
      .headers, "sets a header of 100 KB",
      script: answeringRequestHeaders(.requestHeaders { $0.set("x-new", String(repeating: "x", count: 100_000)) }),
      see: { "\($0.response?.status ?? 0)" }, seen: "500"),
    Row(
      .headers, "sets a response header",
      script: answeringResponseHeaders(.responseHeaders { $0.set("x-new", "new") }),
      see: { "client gets x-new: \($0.response?.fields["x-new"] ?? "none")" }, seen: "client gets x-new: new"),
    Row(
      .headers, "sets :status of a response to 418",
      script: answeringResponseHeaders(.responseHeaders { $0.set(":status", "418") }), seen: "418"),
    Row(
      .headers, "sets :status of a response to 42",
      script: answeringResponseHeaders(.responseHeaders { $0.set(":status", "42") }), seen: "200"),
    Row(
      .headers, "has clear_route_cache with a new :path",
      script: answeringRequestHeaders(
        .requestHeaders {
          $0.set(":path", "/other")
          $0.clearRouteCache_p = true
        }), see: { $0.upstreamHeader("x-route") }, seen: "upstream gets x-route: other"
    ).routed,
    Row(
      .headers, "sets a new :path without clear_route_cache",
      script: answeringRequestHeaders(.requestHeaders { $0.set(":path", "/other") }),
      see: { $0.upstreamHeader("x-route") }, seen: "upstream gets no x-route"
    ).routed,
  ]

  /// Requests for /other have a header of their own added by the route.
  private var routed: Row {
    var row = self
    row.envoy = {
      $0.routesJSON = [
        """
        {"match": {"prefix": "/other"}, "route": {"cluster": "upstream"},
         "request_headers_to_add": [{"header": {"key": "x-route", "value": "other"}}]}
        """
      ]
    }
    return row
  }
}
