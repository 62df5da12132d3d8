// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing

@Suite("A log entry")
struct EntryTests {
  /// The entries of what `body` logs, in the form for agents and in that for the API.
  private func entries(_ body: (inout Logger) throws -> Void) async rethrows -> [(agent: JSONValue, api: JSONValue)] {
    let destination = BothForms()
    let exporter = CloudLogExporter(to: destination, limits: .test(), diagnostics: Logger(label: "none"))
    var logger = exporter.logger
    try body(&logger)
    await exporter.finish()
    return destination.entries.withLockedValue { $0 }
  }

  @Test("is a JSON object with what agents know, and other metadata as plain fields")
  func agentForm() async throws {
    let before = Date.now
    let entry = try #require(
      await entries { logger in
        logger[metadataKey: "stream"] = "7"
        logger.notice("hello\n\"you\"", metadata: ["count": .stringConvertible(3), "list": ["a", ["b": "c"]]])
      }.first
    ).agent
    #expect(entry["severity"] == "NOTICE")
    #expect(entry["message"] == "hello\n\"you\"")
    #expect(entry["stream"] == "7")
    #expect(entry["count"] == 3)
    #expect(entry["list"] == ["a", ["b": "c"]])
    #expect(entry["logging.googleapis.com/labels"] == ["logger": "test"])
    let location = try #require(entry["logging.googleapis.com/sourceLocation"])
    #expect(location["file"] == "CloudLoggingTests/EntryTests.swift")
    #expect(location["function"] == "agentForm()")
    #expect(location["line"]?.string.flatMap { Int($0) } != nil)
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let time = try format.parse(try #require(entry["time"]?.string))
    #expect(time >= before.addingTimeInterval(-0.001) && time <= .now)
    #expect(!entry.description.contains("\n"))
  }

  @Test("has its special fields where the API wants them, and the rest in its payload")
  func apiForm() async throws {
    let entry = try #require(
      await entries { logger in
        logger.error(
          "no", metadata: ["trace": "projects/p/traces/t", "spanId": "s", "labels": ["tier": "1"], "k": "v"])
      }.first
    ).api
    #expect(entry["severity"] == "ERROR")
    #expect(entry["jsonPayload"] == ["message": "no", "k": "v"])
    #expect(entry["trace"] == "projects/p/traces/t")
    #expect(entry["spanId"] == "s")
    #expect(entry["labels"] == ["logger": "test", "tier": "1"])
    #expect(entry["timestamp"]?.string?.hasSuffix("Z") == true)
    #expect(entry["sourceLocation"]?["file"] == "CloudLoggingTests/EntryTests.swift")
  }

  @Test("has a trace and a span for agents too")
  func trace() async throws {
    let entry = try #require(
      await entries { $0.info("x", metadata: ["trace": "projects/p/traces/t", "spanId": "s"]) }.first
    ).agent
    #expect(entry["logging.googleapis.com/trace"] == "projects/p/traces/t")
    #expect(entry["logging.googleapis.com/spanId"] == "s")
  }

  @Test("tells of an HTTP request, its status as a number")
  func httpRequest() async throws {
    let metadata: Logger.Metadata = ["httpRequest": ["requestMethod": "GET", "status": "403"]]
    let entry = try #require(await entries { $0.info("x", metadata: metadata) }.first)
    #expect(entry.agent["httpRequest"] == ["requestMethod": "GET", "status": 403])
    #expect(entry.api["httpRequest"] == ["requestMethod": "GET", "status": 403])
    let text = try #require(await entries { $0.info("x", metadata: ["httpRequest": "GET /"]) }.first)
    #expect(text.agent["httpRequest"] == nil)
    #expect(text.agent["metadata.httpRequest"] == "GET /")
  }

  @Test("cannot be forged by metadata")
  func takenKeys() async throws {
    let metadata: Logger.Metadata = ["severity": "INFO", "message": "m", "logging.googleapis.com/trace": "t"]
    let entry = try #require(await entries { $0.critical("x", metadata: metadata) }.first).agent
    #expect(entry["severity"] == "CRITICAL")
    #expect(entry["message"] == "x")
    #expect(entry["metadata.severity"] == "INFO")
    #expect(entry["metadata.message"] == "m")
    #expect(entry["metadata.logging.googleapis.com/trace"] == "t")
  }

  @Test(
    "has the severity of its level",
    arguments: zip(Logger.Level.allCases, ["DEBUG", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"]))
  func severity(level: Logger.Level, severity: String) async {
    #expect(await entries { $0.log(level: level, "x") }.map { $0.agent["severity"]?.string } == [severity])
  }

  @Test("has metadata of the handler, of a provider and of the line, which prevails")
  func metadata() async {
    let destination = BothForms()
    let exporter = CloudLogExporter(to: destination, limits: .test(), diagnostics: Logger(label: "none"))
    var handler = exporter.handler(label: "test", metadataProvider: .init { ["a": "provider", "b": "provider"] })
    handler[metadataKey: "a"] = "handler"
    handler[metadataKey: "c"] = "handler"
    let logger = Logger(label: "test") { [handler] _ in handler }
    logger.info("x", metadata: ["b": "line"])
    await exporter.finish()
    let payload = destination.entries.withLockedValue { $0.first?.api["jsonPayload"] }
    #expect(payload == ["message": "x", "a": "provider", "b": "line", "c": "handler"])
  }

  @Test("has an insertId of its own, in order")
  func insertIDs() async {
    let ids = await entries { logger in
      for number in 0..<300 { logger.info("\(number)") }
    }.compactMap { $0.api["insertId"]?.string }
    #expect(ids.count == 300)
    #expect(Set(ids).count == 300)
    #expect(ids == ids.sorted())
  }

  @Test("tells of an error")
  func error() async throws {
    let entry = try #require(await entries { $0.error("x", error: CancellationError()) }.first).api
    #expect(
      entry["jsonPayload"]?["error"] == ["message": "CancellationError()", "type": "Swift.CancellationError"])
  }
}

/// Keeps entries in both forms.
private final class BothForms: CloudLogDestination {
  let entries = NIOLockedValueBox<[(agent: JSONValue, api: JSONValue)]>([])

  func encode(_ entry: CloudLogEntry) -> [UInt8] {
    entries.withLockedValue { $0.append((entry.agentJSON, entry.apiJSON)) }
    return [0]
  }

  func send(_ batch: [[UInt8]]) async -> CloudLogDelivery { .arrived }
}
