// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Testing

@testable import GRPCProxy

@Suite("Which calls a route is for", .timeLimit(.minutes(1)))
struct RouteMatcherTests {
  /// A match, and calls by whether it has them.
  struct Case: Sendable, CustomTestStringConvertible {
    var match: GRPCRoute.Match
    var yes: [Call]
    var no: [Call]

    var testDescription: String { "\(match)" }
  }

  struct Call: Sendable, Hashable {
    var authority = "host"
    var path = "/pkg.Service/Method"
    var metadata: Metadata = [:]
  }

  private static func authority(_ text: String, yes: [String], no: [String]) -> Case {
    Case(match: .init(authority: text), yes: yes.map { Call(authority: $0) }, no: no.map { Call(authority: $0) })
  }

  private static func service(_ name: String, method: String? = nil, yes: [String], no: [String]) -> Case {
    Case(match: .init(service: name, method: method), yes: yes.map { Call(path: $0) }, no: no.map { Call(path: $0) })
  }

  private static func metadata(_ entries: [String: String?], yes: [Metadata], no: [Metadata]) -> Case {
    var match = GRPCRoute.Match()
    match.metadata = entries
    return Case(match: match, yes: yes.map { Call(metadata: $0) }, no: no.map { Call(metadata: $0) })
  }

  private static let binary: Metadata = {
    var metadata = Metadata()
    try? metadata.append("x-data-bin", .binary([1, 2]))
    return metadata
  }()

  @Test(arguments: [
    Case(match: .init(), yes: [Call(), Call(authority: "other:1")], no: []),
    authority(
      "example.com", yes: ["example.com", "EXAMPLE.com", "example.com:8080"], no: ["a.example.com", "com"]),
    authority(
      "Example.COM:8080", yes: ["example.com:8080"], no: ["example.com", "example.com:80", "example.com:80801"]),
    authority(
      "*.example.com", yes: ["a.example.com", "a.b.example.com", "A.Example.com:443"],
      no: ["example.com", "aexample.com", "a.example.com.evil", "example.com:443"]),
    authority(
      "*.example.com:443", yes: ["a.example.com:443"],
      no: ["a.example.com", "a.example.com:80", "a.example.com:4430", "example.com:443"]),
    authority("[::1]", yes: ["[::1]", "[::1]:80"], no: ["::1", "[::2]"]),
    authority("[::1]:80", yes: ["[::1]:80"], no: ["[::1]", "[::1]:81"]),
    authority("127.0.0.1", yes: ["127.0.0.1", "127.0.0.1:1"], no: ["127.0.0.11"]),
    service(
      "pkg.Service", yes: ["/pkg.Service/A", "/pkg.Service/B"], no: ["/pkg.Service2/A", "/pkg/A", "/Service/A"]),
    service("pkg.*", yes: ["/pkg.A/M", "/pkg.sub.A/M"], no: ["/pkg/M", "/pkgs.A/M", "/a.pkg.A/M"]),
    service("pkg.Service", method: "A", yes: ["/pkg.Service/A"], no: ["/pkg.Service/B", "/pkg.Other/A"]),
    Case(match: .init(method: "A"), yes: [Call(path: "/x/A"), Call(path: "/y/A")], no: [Call(path: "/A/x")]),
    metadata(
      ["x-env": "test"], yes: [["x-env": "test"], ["x-env": "prod", "x-env": "test"]], no: [[:], ["x-env": "Test"]]),
    metadata(["x-env": nil], yes: [["x-env": ""], ["x-env": "a"]], no: [[:], ["x-other": "a"]]),
    metadata(["x-a": "1", "x-b": nil], yes: [["x-a": "1", "x-b": "2"]], no: [["x-a": "1"], ["x-b": "2"]]),
    metadata(["x-data-bin": nil], yes: [binary], no: [[:]]),
  ])
  func matches(_ test: Case) async throws {
    let matcher = RouteMatcher(test.match)
    for call in test.yes { #expect(try await matcher.matches(Self.incoming(call)), "\(call)") }
    for call in test.no { #expect(try await !matcher.matches(Self.incoming(call)), "\(call)") }
  }

  /// The call as a proxy sees it.
  private static func incoming(_ call: Call) async throws -> IncomingCall {
    let (calls, arrived) = AsyncStream.makeStream(of: IncomingCall.self)
    let director = Director { call in
      arrived.yield(call)
      throw GRPCStatus(.aborted)
    }
    let proxy = try await ProxyServer.start(director)
    var configuration = GRPCChannel.Configuration()
    configuration.authority = call.authority
    let channel = try await GRPCChannel.connect(to: proxy.server.target, configuration: configuration)
    _ = await (try channel.call(call.path, metadata: call.metadata)).ending
    await channel.close()
    await proxy.stop()
    for await incoming in calls { return incoming }
    throw CancellationError()
  }
}
