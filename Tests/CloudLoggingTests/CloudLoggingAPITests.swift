// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import CalloutJSON
import CloudLogging
import ExtProcTesting
import GoogleCredentials
import Logging
import NIOConcurrencyHelpers
import Testing

@Suite("Logging to the API", .timeLimit(.minutes(1)))
struct CloudLoggingAPITests {
  @Test("posts entries with the name of the log, a resource and a token")
  func request() async throws {
    let api = CloudAPI(200)
    try await withExporter(to: api) { $0.logger.info("hello") }
    let write = try #require(api.all.first)
    #expect(write.request.method == "POST")
    #expect(write.request.path == "/v2/entries:write")
    #expect(write.request.fields["authorization"] == "Bearer key")
    #expect(write.request.fields["content-type"] == "application/json")
    #expect(write.body["logName"] == "projects/home/logs/test%2Flog")
    #expect(write.body["resource"] == ["type": "global", "labels": ["project_id": "home"]])
    #expect(write.body["partialSuccess"] == true)
    #expect(write.entries.map(\.message) == ["hello"])
  }

  @Test(
    "tries again what fails for now, waiting ever longer, and loses and doubles nothing", arguments: [429, 500, 503])
  func retry(status: Int) async throws {
    let api = CloudAPI(status, status, status, 200)
    let (log, waits) = (LogRecorder(), NIOLockedValueBox<[Duration]>([]))
    let limits = CloudLogLimits.test {
      $0.batchEntries = 4
      $0.firstBackoff = .seconds(1)
      $0.longestBackoff = .seconds(2)
    }
    try await withExporter(
      to: api, limits: limits, diagnostics: log, sleep: { wait in waits.withLockedValue { $0.append(wait) } }
    ) { exporter in
      for number in 0..<10 { exporter.logger.info("\(number)") }
    }
    #expect(api.entries.compactMap(\.message) == (0..<10).map { "\($0)" })
    #expect(Set(api.all.flatMap(\.entries).map { $0["insertId"] }).count == 10)
    #expect(api.all.prefix(4).allSatisfy { $0.body == api.all.first?.body })
    let ranges: [ClosedRange<Duration>] = [.seconds(0.5) ... .seconds(1), .seconds(1) ... .seconds(2)]
    for (wait, range) in zip(waits.withLockedValue { $0 }, ranges + [ranges[1]]) { #expect(range.contains(wait)) }
    #expect(waits.withLockedValue { $0.count } == 3)
    #expect(log.entries.map(\.level) == [.warning])
  }

  @Test("gives up on what is refused, and says so in one line", arguments: [400, 403, 404])
  func refusal(status: Int) async throws {
    let (api, log) = (CloudAPI(status), LogRecorder())
    try await withExporter(to: api, diagnostics: log) { $0.logger.info("hello") }
    #expect(api.all.count == 1)
    #expect(log.entries.count == 1)
    let line = try #require(log.entries.first)
    #expect(line.level == .error)
    #expect(line.metadata["count"] == "1")
    #expect("\(line.metadata["reason"]!)".hasSuffix("/v2/entries:write: status \(status): because of it"))
  }

  @Test("fetches a token anew that the API refuses before its time")
  func refusedToken() async throws {
    let (api, tokens) = (CloudAPI(401, 200), NIOLockedValueBox(0))
    try await withHTTPUpstream({ request in
      if request.path == "/v2/entries:write" { return api.answer(request) }
      let number = tokens.withLockedValue {
        $0 += 1; return $0
      }
      return HTTPResponse(body: #"{"access_token":"token \#(number)","expires_in":3600}"#)
    }) { upstream in
      let credentials = GoogleCredentials(environment: ["GCE_METADATA_HOST": "\(upstream.address)"])
      let destination = try CloudLoggingAPI(
        project: "p", logName: "l", endpoint: "http://\(upstream.address)", credentials: credentials, client: .shared)
      let exporter = CloudLogExporter(
        to: destination, limits: .test(), diagnostics: LogRecorder().logger, sleep: { _ in })
      exporter.logger.info("hello")
      await exporter.finish()
    }
    #expect(api.all.map { $0.request.fields["authorization"] } == ["Bearer token 1", "Bearer token 2"])
    #expect(api.entries.map(\.message) == ["hello"])
  }

  @Test("says a reason once, and at the end how many more were lost; and again after entries have arrived")
  func refusals() async throws {
    let (api, log) = (CloudAPI(403, 403, 403, 200, 403), LogRecorder())
    try await withExporter(to: api, limits: .test { $0.batchEntries = 1 }, diagnostics: log) { exporter in
      for number in 0..<6 { exporter.logger.info("\(number)") }
    }
    #expect(api.entries.map(\.message) == ["3"])
    #expect(log.entries.map(\.metadata["count"]) == ["1", "2", "1", "1"])
  }

  @Test("fails for now where nobody listens, and where there is no token")
  func unreachable() async throws {
    let nowhere = try await withHTTPUpstream { "\($0.address)" }
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.retryConnectionEstablishment = false
    try await HTTPClient.withHTTPClient(configuration: configuration) { client in
      guard case .failed(let reason) = try await CloudLoggingAPI.test("http://\(nowhere)", client: client).send([])
      else {
        Issue.record("not failed")
        return
      }
      #expect(reason.hasPrefix("http://\(nowhere)/v2/entries:write: "))
      let credentials = GoogleCredentials(environment: ["GCE_METADATA_HOST": nowhere], client: client)
      let api = try CloudLoggingAPI.test("http://\(nowhere)", credentials: credentials, client: client)
      guard case .failed(let reason) = await api.send([]) else {
        Issue.record("not failed")
        return
      }
      #expect(reason.hasPrefix("no access token from http://\(nowhere)/computeMetadata/"))
    }
  }

  @Test("finishes in time where the API never answers")
  func silence() async throws {
    try await withSilentServer { server in
      let log = LogRecorder()
      let api = try CloudLoggingAPI.test("http://\(server.address)")
      let exporter = CloudLogExporter(to: api, limits: .test(), diagnostics: log.logger)
      exporter.logger.info("hello")
      await server.awaitRequest()
      await exporter.finish(within: .milliseconds(20))
      #expect(log.entries.map(\.metadata["count"]) == ["1"])
      #expect("\(log.entries.first?.metadata["reason"] ?? "")".hasSuffix("no answer in time"))
    }
  }

  @Test("refuses an endpoint that is no URL", arguments: ["", "logging.googleapis.com", "ftp://host", "http://"])
  func endpoint(_ endpoint: String) {
    #expect(throws: CloudLoggingError.self) { try CloudLoggingAPI.test(endpoint) }
  }
}
