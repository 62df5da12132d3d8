// SPDX-License-Identifier: Apache-2.0
package import CalloutJSON
internal import Logging

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// An entry of Cloud Logging's.
///
/// Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
package struct CloudLogEntry: Sendable {
  private let severity: String
  private let time = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  /// Fields of the entry by their names in the API.
  private var attributes = JSONObject()
  private var payload = JSONObject()

  private init(severity: String, message: String, insertID: String) {
    self.severity = severity
    payload["message"] = .string(message)
    attributes["insertId"] = .string(insertID)
  }

  init(_ event: LogEvent, label: String, metadata: Logger.Metadata, insertID: String) {
    self.init(severity: event.level.severity, message: event.message.description, insertID: insertID)
    attributes["labels"] = ["logger": .string(label)]
    attributes["sourceLocation"] = [
      "file": .string(event.file), "line": .string("\(event.line)"), "function": .string(event.function),
    ]
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { add(key, value) }
    if let error = event.error {
      payload["error"] = ["message": .string("\(error)"), "type": .string(String(reflecting: type(of: error)))]
    }
  }

  /// What stands for entries that found no room.
  static func dropped(_ count: Int, insertID: String) -> CloudLogEntry {
    var entry = CloudLogEntry(
      severity: Logger.Level.warning.severity, message: "log entries were dropped, for too many were waiting",
      insertID: insertID)
    entry.payload["dropped"] = .number(JSONNumber(count))
    return entry
  }

  private mutating func add(_ key: String, _ value: Logger.MetadataValue) {
    switch (key, value) {
    case ("labels", .dictionary(let labels)):
      for (name, value) in labels { attributes["labels"]?[name] = .string("\(value)") }
    case ("httpRequest", .dictionary(let fields)) where fields.keys.allSatisfy(Self.requestFields.contains):
      var request = value.json
      // It is written like other values, as text, but must be a number.
      if let status = request["status"]?.string.flatMap({ Int($0) }) { request["status"] = .number(JSONNumber(status)) }
      attributes["httpRequest"] = request
    case ("trace", _), ("spanId", _): attributes[key] = .string("\(value)")
    default: payload[Self.isTaken(key) ? "metadata." + key : key] = value.json
    }
  }

  /// The API refuses a whole request for a field that it does not know.
  private static let requestFields: Set = [
    "requestMethod", "requestUrl", "requestSize", "status", "responseSize", "userAgent", "remoteIp", "serverIp",
    "referer",
    "latency", "cacheLookup", "cacheHit", "cacheValidatedWithOriginServer", "cacheFillBytes", "protocol",
  ]

  /// What an agent would take for a part of the entry.
  private static func isTaken(_ key: String) -> Bool {
    takenKeys.contains(key) || key.hasPrefix(agentPrefix)
  }

  private static let takenKeys: Set = [
    "message", "severity", "time", "timestamp", "timestampSeconds", "timestampNanos", "httpRequest",
  ]
  private static let agentPrefix = "logging.googleapis.com/"

  /// The entry as logging agents read it from a line.
  ///
  /// Source: https://cloud.google.com/logging/docs/structured-logging#special-payload-fields.
  package var agentJSON: JSONValue {
    var entry = JSONObject()
    entry["severity"] = .string(severity)
    entry["time"] = .string(time)
    for (name, value) in payload { entry[name] = value }
    for (name, value) in attributes { entry[name == "httpRequest" ? name : Self.agentPrefix + name] = value }
    return .object(entry)
  }

  /// The entry as the API takes it.
  package var apiJSON: JSONValue {
    var entry = attributes
    entry["severity"] = .string(severity)
    entry["timestamp"] = .string(time)
    entry["jsonPayload"] = .object(payload)
    return .object(entry)
  }
}

extension Logger.Level {
  /// Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity.
  fileprivate var severity: String {
    switch self {
    case .trace, .debug: "DEBUG"
    case .info: "INFO"
    case .notice: "NOTICE"
    case .warning: "WARNING"
    case .error: "ERROR"
    case .critical: "CRITICAL"
    }
  }
}
