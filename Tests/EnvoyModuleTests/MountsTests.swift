// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

/// Which application a request within Envoy is for, and what counts for it then.
@Suite(
  "Several applications within Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct MountsTests {
  @Test(
    "each application gets the paths below its prefix",
    arguments: [
      ("/api", "api"), ("/api/x", "api"), ("/api?y", "api"), ("/apix", "rest"), ("/", "rest"), ("/api/v2/z", "v2"),
    ])
  func mounts(path: String, name: String) async throws {
    try await withApplication("mounted") { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get(path)
      #expect(response.text == name)
    }
  }

  @Test("the limits are those of the application that a request is for", arguments: ["/", "/limited"])
  func limits(unlimited: String) async throws {
    let limited = unlimited == "/" ? "/limited" : "/"
    let json = #"{"\#(limited)":"limited application","\#(unlimited)":"application"}"#
    try await withApplication("mounts", configuration: json) { envoy in
      func send(_ path: String, isChunked: Bool) async throws -> HTTPResponse {
        let request = HTTPRequest("POST", path, body: "longer than that", isChunked: isChunked)
        return try await HTTPConnection.connect(to: envoy.address).send(request)
      }
      for isChunked in [true, false] {
        let refused = try await send("\(limited)/collect", isChunked: isChunked)
        #expect(refused.status == 413)
        let taken = try await send("\(unlimited)/collect", isChunked: isChunked)
        #expect(taken.text == "16")
      }
      let late = try await HTTPConnection.connect(to: envoy.address).get("\(limited)/sleep")
      #expect(late.status == 504)
    }
  }

  @Test(
    "a prefix without its slash, or one that comes twice, is refused",
    arguments: [
      (#"{"api":"named"}"#, "filter_config has 'api', where a prefix begins with / and has an application's name"),
      (#"{"/api":"named","/api/":"named"}"#, "the prefix '/api/' comes twice"),
    ])
  func unusable(json: String, line: String) async throws {
    let error = await #expect(throws: (any Error).self) {
      try await withApplication("mounts", configuration: json) { _ in }
    }
    #expect("\(try #require(error))".contains("filter 'mounts' cannot be used: \(line)"))
  }

  @Test("a route has an application of its own, with its limits")
  func routes() async throws {
    let own = try EnvoyConfiguration.Module("TrialModule", "named", configuration: "of the route").perRouteJSON()
    let limited = try EnvoyConfiguration.Module.trial("limited application").perRouteJSON()
    let routes = [("/own", own), ("/limited", limited)].map { Self.route($0, $1, of: "application") }
    try await withApplication("application", routes: routes) { envoy in
      let listeners = try await HTTPConnection.connect(to: envoy.address).get("/unended")
      #expect(listeners.text == "all there is")
      let ofRoute = try await HTTPConnection.connect(to: envoy.address).get("/own")
      #expect(ofRoute.text == "of the route")
      let late = try await HTTPConnection.connect(to: envoy.address).get("/limited/sleep")
      #expect(late.status == 504)
    }
  }

  @Test("a callout on a route of an application, and the reverse, is a line of the log and 500")
  func otherKind() async throws {
    let callout = try EnvoyConfiguration.Module.trial("headers").perRouteJSON()
    try await withApplication("application", routes: [Self.route("/", callout, of: "application")]) { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.status == 500)
      try await until { envoy.log.contains("the route has something else in the place of an application") }
    }
    let application = try EnvoyConfiguration.Module.trial("application").perRouteJSON()
    var configuration = EnvoyConfiguration(upstream: .ip("127.0.0.1", 9))
    configuration.modules = [.trial("headers")]
    configuration.routesJSON = [Self.route("/", application, of: "headers")]
    try await withEnvoy(configuration) { envoy in
      let response = try await HTTPConnection.connect(to: envoy.address).get("/")
      #expect(response.status == 500)
      try await until { envoy.log.contains("the route has something else in the place of a callout") }
    }
  }

  private static func route(_ prefix: String, _ module: String, of filter: String) -> String {
    #"{"match":{"prefix":"\#(prefix)"},"route":{"cluster":"upstream"},"typed_per_filter_config":{"\#(filter)":\#(module)}}"#
  }
}
