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
}
