// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import GRPCProxy

@Suite("Which routes take all calls of others")
struct RouteCoverageTests {
  private typealias Match = GRPCRoute.Match

  /// A match, others of whose calls it matches all, and others of whose calls it does not.
  struct Case: Sendable, CustomTestStringConvertible {
    var match: GRPCRoute.Match
    var yes: [GRPCRoute.Match]
    var no: [GRPCRoute.Match]

    var testDescription: String { "\(match)" }
  }

  private static func authority(_ text: String, yes: [String], no: [String]) -> Case {
    Case(
      match: Match(authority: text), yes: yes.map { Match(authority: $0) },
      no: no.map { Match(authority: $0) } + [Match()])
  }

  private static func service(_ name: String, yes: [String], no: [String]) -> Case {
    Case(
      match: Match(service: name), yes: yes.map { Match(service: $0) }, no: no.map { Match(service: $0) } + [Match()])
  }

  private static func metadata(_ entries: [String: String?]) -> GRPCRoute.Match {
    var match = Match()
    match.metadata = entries
    return match
  }

  @Test(arguments: [
    Case(
      match: Match(),
      yes: [Match(), Match(authority: "*.a:1"), Match(service: "a.*"), Match(method: "M"), metadata(["x": nil])], no: []
    ),
    authority(
      "example.com", yes: ["example.com", "EXAMPLE.com", "example.com:80"],
      no: ["*.example.com", "a.example.com", "com", "example.com.evil"]),
    authority("example.com:80", yes: ["Example.com:80"], no: ["example.com", "example.com:8080", "*.example.com:80"]),
    authority(
      "*.example.com",
      yes: ["*.Example.com", "a.example.com", "a.example.com:80", "*.b.example.com", "*.example.com:80"],
      no: ["example.com", "aexample.com", "*.com", "*.aexample.com"]),
    authority(
      "*.example.com:80", yes: ["*.example.com:80", "a.example.com:80", "*.b.example.com:80"],
      no: ["*.example.com", "a.example.com", "a.example.com:8080", "*.b.example.com:81"]),
    authority("[::1]", yes: ["[::1]", "[::1]:80"], no: ["[::2]", "*.1"]),
    service("shop.v1.Orders", yes: ["shop.v1.Orders"], no: ["shop.v1.Orders.*", "shop.v1.*", "shop.v1.OrdersToo"]),
    service(
      "shop.*", yes: ["shop.*", "shop.v1.*", "shop.Orders", "shop.v1.Orders"],
      no: ["shop", "shops.Orders", "shops.*", "a.shop.Orders"]),
    Case(
      match: Match(method: "M"), yes: [Match(method: "M"), Match(service: "a.B", method: "M")],
      no: [Match(), Match(method: "m"), Match(service: "a.B")]),
    Case(
      match: Match(service: "a.*", method: "M"), yes: [Match(authority: "h", service: "a.B", method: "M")],
      no: [Match(service: "a.B"), Match(method: "M"), Match(service: "b.B", method: "M")]),
    Case(
      match: metadata(["x": nil]), yes: [metadata(["x": nil]), metadata(["x": "1"]), metadata(["x": "1", "y": nil])],
      no: [Match(), metadata(["y": "1"])]),
    Case(
      match: metadata(["x": "1", "y": nil]), yes: [metadata(["x": "1", "y": "2"])],
      no: [metadata(["x": "1"]), metadata(["x": nil, "y": nil]), metadata(["x": "2", "y": nil])]),
  ])
  func covers(_ test: Case) {
    let matcher = RouteMatcher(test.match)
    for other in test.yes { #expect(matcher.covers(RouteMatcher(other)), "\(other)") }
    for other in test.no { #expect(!matcher.covers(RouteMatcher(other)), "\(other)") }
  }
}
