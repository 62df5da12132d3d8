// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import CalloutJSON
import CloudLogging
import ExtProcTesting
import GoogleCredentials
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Stands for the Cloud Logging API: keeps what it is sent, and answers with the statuses that a test wants.
final class CloudAPI: Sendable {
  struct Write: Sendable {
    let request: HTTPRequest
    let body: JSONValue
    let status: Int
    var entries: [JSONValue] { body["entries"]?.array ?? [] }
  }

  private let writes = NIOLockedValueBox<[Write]>([])
  private let statuses: NIOLockedValueBox<[Int]>
  private let arrivals: AsyncStream<Write>
  private let arrival: AsyncStream<Write>.Continuation

  /// - Parameter statuses: of the first answers; the last of them is that of all others too.
  init(_ statuses: Int...) {
    self.statuses = NIOLockedValueBox(statuses)
    (arrivals, arrival) = AsyncStream.makeStream()
  }

  /// All requests so far.
  var all: [Write] { writes.withLockedValue { $0 } }

  /// The entries that were taken, in order.
  var entries: [JSONValue] { all.filter { $0.status == 200 }.flatMap(\.entries) }

  /// The next request that no one has waited for.
  func next() async -> Write? { await arrivals.first { _ in true } }

  func answer(_ request: HTTPRequest) -> HTTPResponse {
    let status = statuses.withLockedValue { $0.count > 1 ? $0.removeFirst() : $0.first ?? 200 }
    let body = (try? JSONValue(parsing: request.body.readableBytesView)) ?? .null
    let write = Write(request: request, body: body, status: status)
    writes.withLockedValue { $0.append(write) }
    arrival.yield(write)
    return HTTPResponse(status: status, body: status == 200 ? "{}" : #"{"error":{"message":"because\nof it"}}"#)
  }
}

/// Runs an API, and an exporter that sends to it, while `body` runs; finishes the exporter.
func withExporter(
  to api: CloudAPI, limits: CloudLogLimits = .test(), diagnostics: LogRecorder = LogRecorder(),
  sleep: @escaping @Sendable (Duration) async throws -> Void = { _ in },
  _ body: (CloudLogExporter) async throws -> Void
) async throws {
  try await withHTTPUpstream(api.answer) { upstream in
    let destination = try CloudLoggingAPI.test("http://\(upstream.address)")
    let exporter = CloudLogExporter(to: destination, limits: limits, diagnostics: diagnostics.logger, sleep: sleep)
    do {
      try await body(exporter)
    } catch {
      await exporter.finish()
      throw error
    }
    await exporter.finish()
  }
}

extension CloudLoggingAPI {
  static func test(
    _ endpoint: String, credentials: GoogleCredentials = GoogleCredentials(environment: ["GOOGLE_ACCESS_TOKEN": "key"]),
    client: HTTPClient = .shared
  ) throws -> CloudLoggingAPI {
    try CloudLoggingAPI(
      project: "home", logName: "test/log", endpoint: endpoint, credentials: credentials, client: client)
  }
}

extension CloudLogLimits {
  /// Limits where nothing waits for others, unless a test says so.
  static func test(_ change: (inout CloudLogLimits) -> Void = { _ in }) -> CloudLogLimits {
    var limits = CloudLogLimits()
    limits.batchDelay = .zero
    change(&limits)
    return limits
  }
}

extension CloudLogExporter {
  var logger: Logger {
    var logger = Logger(label: "test") { self.handler(label: $0) }
    logger.logLevel = .trace
    return logger
  }
}

extension JSONValue {
  /// The message of an entry in the API's form.
  var message: String? { self["jsonPayload"]?["message"]?.string }
}
