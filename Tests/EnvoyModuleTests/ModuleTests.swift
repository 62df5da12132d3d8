// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import ExtProc
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@Suite(
  "Callouts within Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(3)))
struct ModuleTests {
  /// Runs a trial within an Envoy before an upstream.
  private func withTrial(
    _ name: String, upstream: @escaping HTTPUpstream.Responder = HTTPUpstream.echo,
    configure: (inout EnvoyConfiguration) throws -> Void = { _ in }, _ body: (EnvoyProcess) async throws -> Void
  ) async throws {
    try await withHTTPUpstream(upstream) { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = [.trial(name)]
      try configure(&configuration)
      try await withEnvoy(configuration, body)
    }
  }

  private func get(_ path: String = "/", _ envoy: EnvoyProcess) async throws -> HTTPResponse {
    try await HTTPConnection.connect(to: envoy.address).get(path)
  }

  @Test(
    "what cannot be used is one line of Envoy's log, and Envoy does not start",
    arguments: [
      ("nobody", "{}", "filter 'nobody' cannot be used: the module has no such filter; filter_name is one of "),
      ("configured", "{}", "filter 'configured' cannot be used: give it something"),
      (
        "unknown attribute", "{}",
        "filter 'unknown attribute' cannot be used: Envoy gives a module no attribute 'request.nonsense', but only "
      ),
    ])
  func unusable(filter: String, json: String, line: String) async throws {
    let error = await #expect(throws: (any Error).self) {
      try await withTrial(filter, configure: { $0.modules = [.trial(filter, configurationJSON: json)] }) { _ in }
    }
    #expect("\(try #require(error))".contains(line))
  }

  @Test("a filter gets its configuration, and a route one of its own")
  func configuration() async throws {
    let route = try EnvoyConfiguration.Module.trial("configured", configurationJSON: #"{"of":"route"}"#).perRouteJSON()
    let other = try EnvoyConfiguration.Module.trial("immediate").perRouteJSON()
    let configure: (inout EnvoyConfiguration) -> Void = { configuration in
      configuration.modules = [.trial("configured", configurationJSON: #"{"of":"filter"}"#)]
      configuration.routesJSON = [("/own", route), ("/other", other)].map {
        #"{"match":{"prefix":"\#($0)"},"route":{"cluster":"upstream"},"typed_per_filter_config":{"configured":\#($1)}}"#
      }
    }
    try await withTrial("configured", configure: configure) { envoy in
      let ofFilter = try await get("/", envoy)
      #expect(ofFilter.fields["x-configuration"] == #"{"of":"filter"}"#)
      let ofRoute = try await get("/own", envoy)
      #expect(ofRoute.fields["x-configuration"] == #"{"of":"route"}"#)
      #expect(try await get("/other", envoy).status == 403)
    }
  }

  @Test("a hook that takes longer than the message timeout is given up, unless it asks for more time")
  func timeouts() async throws {
    try await withTrial("timing out", configure: { $0.showsResponseCodeDetails = true }) { envoy in
      let response = try await get("/", envoy)
      #expect(response.status == 504)
      #expect(response.fields["x-response-code-details"] == "callout_timed_out")
    }
    try await withTrial("asking for more time") { envoy in
      let response = try await get("/", envoy)
      #expect(response.status == 200)
    }
  }

  @Test("dynamic metadata is there for Envoy, and for the callout's later hooks")
  func metadata() async throws {
    let route = #"""
      {"match":{"prefix":"/"},"route":{"cluster":"upstream"},
       "response_headers_to_add":[{"header":{"key":"x-list","value":"%DYNAMIC_METADATA(trial:list)%"}}]}
      """#
    try await withTrial("metadata", configure: { $0.routesJSON = [route] }) { envoy in
      let response = try await get("/", envoy)
      #expect(response.fields["x-metadata"] == "a 1.5 true")
      #expect(response.fields["x-list"] == #"["x","y"]"#)
    }
  }

  @Test("metadata replaces what is there; a list does from Envoy 1.40 on, and is added to what there is before")
  func replacedMetadata() async throws {
    let route = #"""
      {"match":{"prefix":"/"},"route":{"cluster":"upstream"},
       "response_headers_to_add":[{"header":{"key":"x-list","value":"%DYNAMIC_METADATA(trial:list)%"}},
        {"header":{"key":"x-text","value":"%DYNAMIC_METADATA(trial:text)%"}},
        {"header":{"key":"x-number","value":"%DYNAMIC_METADATA(trial:number)%"}}]}
      """#
    let version = try await EnvoyProcess.version(of: try #require(EnvoyProcess.executable))
    let replaces = !version.hasPrefix("1.38.") && !version.hasPrefix("1.39.")
    let configure: (inout EnvoyConfiguration) -> Void = {
      $0.modules.append(.trial("other metadata"))
      $0.routesJSON = [route]
    }
    try await withTrial("metadata", configure: configure) { envoy in
      let response = try await get("/", envoy)
      #expect(response.fields["x-number"] == "2")
      #expect(response.fields["x-list"] == (replaces ? #"["z"]"# : #"["x","y","z"]"#))
      #expect(response.fields["x-text"] == (replaces ? #"["z"]"# : "a"))
    }
  }

  @Test("nested metadata is set from Envoy 1.40 on, and refused before")
  func nestedMetadata() async throws {
    let route = #"""
      {"match":{"prefix":"/"},"route":{"cluster":"upstream"},
       "response_headers_to_add":[{"header":{"key":"x-deep","value":"%DYNAMIC_METADATA(trial:outer:inner)%"}}]}
      """#
    let version = try await EnvoyProcess.version(of: try #require(EnvoyProcess.executable))
    let isThere = !version.hasPrefix("1.38.") && !version.hasPrefix("1.39.")
    try await withTrial("nested metadata", configure: { $0.routesJSON = [route] }) { envoy in
      let response = try await get("/", envoy)
      #expect(response.status == (isThere ? 200 : 500))
      #expect(response.fields["x-deep"] == (isThere ? "deep" : nil))
    }
  }

  @Test("typed metadata is set from Envoy 1.40 on, for other filters too, and refused before")
  func typedMetadata() async throws {
    let version = try await EnvoyProcess.version(of: try #require(EnvoyProcess.executable))
    let isThere = !version.hasPrefix("1.38.") && !version.hasPrefix("1.39.")
    try await withRunningServer(TypedMetadataReader()) { server in
      var reader = EnvoyConfiguration.Callout(server.addresses.plaintext!)
      reader.processingMode.responseHeaderMode = .send
      reader.furtherJSON = #"{"metadata_options": {"forwarding_namespaces": {"typed": ["trial"]}}}"#
      try await withTrial("typed metadata", configure: { $0.callouts = [reader] }) { envoy in
        let response = try await get("/", envoy)
        #expect(response.status == (isThere ? 200 : 500))
        #expect(response.fields["x-typed"] == (isThere ? "typed" : "none"))
      }
    }
  }

  @Test("a response of Envoy's own waits for its hook, which is asked while the request's hook goes on")
  func directResponse() async throws {
    let route = #"{"match":{"prefix":"/"},"direct_response":{"status":200,"body":{"inline_string":"direct"}}}"#
    let post = HTTPRequest("POST", body: "hello")
    let requests = [HTTPRequest(), post, HTTPRequest("POST", body: "hello", isChunked: true)]
    for trial in ["headers, waiting", "waiting for everything"] {
      try await withTrial(trial, configure: { $0.routesJSON = [route] }) { envoy in
        let connection = try await HTTPConnection.connect(to: envoy.address)
        for request in requests {
          let response = try await connection.send(request)
          #expect(response.text == "direct", "\(trial)")
        }
      }
    }
  }

  @Test("everything passes hooks that all wait, with trailers both ways")
  func waiting() async throws {
    let long = String(repeating: "0123456789abcdef", count: 20_000)
    let upstream: HTTPUpstream.Responder = {
      HTTPResponse(body: String(buffer: $0.body), trailers: ["x-trailer": $0.trailers["x-trailer"] ?? "-"])
    }
    try await withTrial("waiting for everything", upstream: upstream) { envoy in
      let request = HTTPRequest("POST", body: long, trailers: ["x-trailer": "1"])
      let response = try await HTTPConnection.connect(to: envoy.address).send(request)
      #expect(response.text == long)
      #expect(response.trailers["x-trailer"] == "1")
    }
  }

  @Test("a callout is told how its exchanges end")
  func endings() async throws {
    try await withTrial("logging its end") { envoy in
      let connection = try await HTTPConnection.connect(to: envoy.address)
      #expect(try await connection.get("/").status == 200)
      #expect(try await connection.get("/throw").status == 500)
      try await until { envoy.log.contains("ends completed") && envoy.log.contains("ends failed") }
      let waiting = Task { try await connection.get("/wait") }
      try await until { try await envoy.statistic("http.test.downstream_rq_active") == 1 }
      await connection.close()
      _ = await waiting.result
      try await until { envoy.log.contains("ends cancelled") }
    }
  }

  @Test("a module is never unloaded, so that what its hooks left behind can run", arguments: [true, false])
  func unloading(staysLoaded: Bool) async throws {
    // The first listener is reloaded from a file, with the filter and without it in turn.
    try await withHTTPUpstream { upstream in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = [.trial("never ending")]
      configuration.modules[0].staysLoaded = staysLoaded
      try await withReloadingEnvoy(configuration) { envoy, reload in
        for _ in 0..<4 {
          let connection = try await HTTPConnection.connect(to: envoy.address)
          let begun = envoy.log.occurrences(of: "hook begins")
          let waiting = Task { try await connection.get("/") }
          try await until { envoy.log.occurrences(of: "hook begins") > begun }
          try await reload([])
          await connection.close()
          _ = await waiting.result
          try await reload(configuration.modules)
        }
        #expect(envoy.log.occurrences(of: "hook is cancelled") > 0)
      }
    }
  }
}

/// Tells the client which typed metadata an exchange has, over ext_proc.
private final class TypedMetadataReader: CalloutServer, @unchecked Sendable {
  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    let value = try context.typedFilterMetadata["trial"].map { try Google_Protobuf_StringValue(unpackingAny: $0).value }
    return .mutate(set: ["x-typed": value ?? "none"])
  }
}

/// Waits until something holds.
func until(_ holds: () async throws -> Bool) async throws {
  while try await !holds() {
    try Task.checkCancellation()
    try await Task.sleep(for: .milliseconds(10))
  }
}

extension String {
  func occurrences(of part: String) -> Int { components(separatedBy: part).count - 1 }
}
