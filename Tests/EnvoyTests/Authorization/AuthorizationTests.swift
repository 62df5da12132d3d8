// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

@Suite(
  "Authorization behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(1)))
struct AuthorizationTests {
  /// A route that shows dynamic metadata, and has metadata and context extensions of its own.
  private static let route = #"""
    {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "metadata": {"filter_metadata": {"r": {"k": "route"}}},
     "response_headers_to_add":
       [{"header": {"key": "x-metadata", "value": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:k)%"}}],
     "typed_per_filter_config": {"envoy.filters.http.ext_authz": {
       "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
       "check_settings": {"context_extensions": {"tier": "gold"}}}}}
    """#

  @Test(
    "a denial is one, with its body and headers, over plaintext, TLS and a Unix socket, also where failures are allowed",
    arguments: EnvoyProxy.Wire.allCases)
  func deny(wire: EnvoyProxy.Wire) async throws {
    let server = Asked { request in
      switch request.path {
      case "/bare": .deny()
      case "/thrown": throw Denial(.unauthorized(challenge: "Bearer", "who are you?"))
      // Whose header cannot be.
      case "/illegal": .deny(headers: ["bad name": "1"], body: "no")
      case "/cookies":
        .deny(ImmediateResponse(status: 403, headers: HeaderMutation(append: ["set-cookie": "a", "set-cookie": "b"])))
      default: .deny(headers: ["x-reason": "because"], body: "no é")
      }
    }
    let seen = Seen()
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return HTTPResponse()
    }
    try await withEnvoyProxy(server, over: wire, upstream: upstream, filter: { $0.failureModeAllow = true }) { proxy in
      let connection = try await proxy.connect()
      let denied = try await connection.get("/")
      #expect(denied.status == 403 && denied.text == "no é" && denied.fields["x-reason"] == "because")
      #expect(denied.fields["content-type"] == "text/plain")
      let bare = try await connection.get("/bare")
      #expect(bare.status == 403 && bare.text == "")
      let thrown = try await connection.get("/thrown")
      #expect(thrown.status == 401 && thrown.text == "who are you?" && thrown.fields["www-authenticate"] == "Bearer")
      let illegal = try await connection.get("/illegal")
      #expect(illegal.status == 403 && illegal.text == "")
      #expect(try await connection.get("/cookies").fields.values(of: "set-cookie") == ["a", "b"])
      #expect(seen.count == 0)
    }
  }

  @Test("what passes has the headers, the query and the metadata that the server says, and so has its response")
  func allow() async throws {
    let server = Asked { _ in
      var headers = HeaderMutation(set: ["x-set": "1"], append: ["x-have": "2", "x-new": "3", "x-new": "4"])
      headers.set("x-have-too", .string("5"), .addIfAbsent)
      headers.remove("x-secret")
      var response = HeaderMutation(set: ["x-up": "6"], append: ["x-more": "7", "x-more": "8"])
      response.set("x-many", .string("9"), .addIfAbsent)
      response.set("x-none", .string("10"), .overwriteIfExists)
      let query = QueryMutation(set: ["n": "x y&é", "a": "9"], remove: ["token"])
      return .allow(headers, responseHeaders: response, query: query).settingMetadata(["k": "v"])
    }
    let seen = Seen()
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return HTTPResponse(fields: ["x-up": "o", "x-up": "p", "x-more": "o", "x-many": "o"])
    }
    try await withEnvoyProxy(server, upstream: upstream, envoy: { $0.routesJSON = [Self.route] }) { proxy in
      let response = try await proxy.connect().get(
        "/p?a=1&%74oken=secret&token=2&b=3", fields: ["x-have": "o", "x-have-too": "o", "x-secret": "s"])
      let request = try #require(seen.last)
      #expect(request.path == "/p?a=9&b=3&n=x%20y%26%C3%A9")
      #expect(request.fields["x-set"] == "1" && request.fields["x-have"] == "o,2" && request.fields["x-new"] == "3,4")
      #expect(request.fields["x-have-too"] == "o" && request.fields["x-secret"] == nil)
      #expect(response.fields.values(of: "x-up") == ["6"] && response.fields.values(of: "x-more") == ["o", "7", "8"])
      #expect(response.fields.values(of: "x-many") == ["o"] && response.fields["x-none"] == nil)
      #expect(response.fields["x-metadata"] == "v")
    }
  }

  @Test("a hook sees the request, its body as bytes, the connection and the route")
  func request() async throws {
    let server = Asked { request in
      var answer = "\(request.method) \(request.path) \(request.scheme) \(request.protocol) \(request.size ?? -1)"
      answer += " \(request.headers["X-Twice"] ?? "") \(Array(buffer: request.body))"
      answer += " \(request.source.address) \(request.source.port == nil) \(request.destination.address)"
      answer += " \(request.contextExtensions) \(request.routeMetadata["r"]?.fields["k"]?.stringValue ?? "")"
      answer += " \(request.headers["x-envoy-auth-partial-body"] ?? "") \(request.host == request.headers.authority)"
      return .deny(headers: ["x-time": "\(request.time?.seconds ?? 0 > 1_700_000_000)"], body: answer)
    }
    let filter: (inout EnvoyConfiguration.Authorization) -> Void = {
      $0.furtherJSON = #"""
        {"with_request_body": {"max_request_bytes": 100, "pack_as_bytes": true}, "route_metadata_context_namespaces": ["r"]}
        """#
    }
    try await withEnvoyProxy(server, filter: filter, envoy: { $0.routesJSON = [Self.route] }) { proxy in
      let fields: HTTPFields = ["x-twice": "1", "X-TWICE": "2"]
      var request = HTTPRequest("POST", "/p?q", fields: fields)
      request.body.writeBytes([0, 0xff])
      let response = try await proxy.connect().send(request)
      let expected = #"""
        POST /p?q http HTTP/1.1 2 1,2 [0, 255] 127.0.0.1 false 127.0.0.1 ["tier": "gold"] route false true
        """#
      #expect(response.text == expected && response.fields["x-time"] == "true")
    }
  }
}
