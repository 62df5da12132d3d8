// SPDX-License-Identifier: Apache-2.0
public import AsyncHTTPClient
internal import CalloutJSON
public import GoogleCredentials
public import Logging
internal import NIOCore
internal import NIOHTTP1

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

extension CloudLogExporter {
  /// Writes entries to the Cloud Logging API.
  ///
  /// Throws a `CloudLoggingError` where the endpoint is no URL. Source:
  /// https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/write.
  ///
  /// - Parameters:
  ///   - project: the id of the project that the log belongs to.
  ///   - logName: the log's own name.
  ///   - endpoint: where the API is, an http or https URL without a path.
  ///   - limits: how much waits, and for how long.
  ///   - diagnostics: where it is said that entries do not arrive; not a logger that comes back here.
  public static func api(
    project: String, logName: String, endpoint: String = "https://logging.googleapis.com",
    credentials: GoogleCredentials, client: HTTPClient = .shared, limits: CloudLogLimits = CloudLogLimits(),
    diagnostics: Logger = Logger(label: "cloud-logging", factory: { StreamLogHandler.standardError(label: $0) })
  ) throws(CloudLoggingError) -> CloudLogExporter {
    let api = try CloudLoggingAPI(
      project: project, logName: logName, endpoint: endpoint, credentials: credentials, client: client)
    return CloudLogExporter(to: api, limits: limits, diagnostics: diagnostics)
  }
}

/// What a log cannot be written with, in one line.
public struct CloudLoggingError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

package struct CloudLoggingAPI: CloudLogDestination {
  private let url: String
  /// The request's body up to the entries.
  private let head: [UInt8]
  private let credentials: GoogleCredentials
  private let client: HTTPClient

  package init(
    project: String, logName: String, endpoint: String, credentials: GoogleCredentials, client: HTTPClient
  ) throws(CloudLoggingError) {
    guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme), url.host() != nil else {
      throw CloudLoggingError(description: "endpoint '\(endpoint)': give a URL such as https://logging.googleapis.com")
    }
    self.url = (endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint) + "/v2/entries:write"
    let common: JSONValue = [
      "logName": "projects/\(project)/logs/\(logName.split(separator: "/").joined(separator: "%2F"))",
      "resource": ["type": "global", "labels": ["project_id": .string(project)]],
      // An entry that is refused takes no others with it.
      "partialSuccess": true,
    ]
    head = common.serialized().dropLast() + Array(#","entries":["#.utf8)
    self.credentials = credentials
    self.client = client
  }

  package func encode(_ entry: CloudLogEntry) -> [UInt8] { entry.apiJSON.serialized() }

  package func send(_ batch: [[UInt8]]) async -> CloudLogDelivery {
    do {
      var request = HTTPClientRequest(url: url)
      request.method = .POST
      let token = try await credentials.accessToken()
      request.headers.add(name: "authorization", value: "Bearer \(token)")
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(body(batch))
      let response = try await client.execute(request, timeout: Self.timeout)
      // The status tells; the body only has the reason, and has to be read for the connection to be used again.
      let answer = try? await response.body.collect(upTo: Self.maxAnswer)
      if response.status == .unauthorized { await credentials.forget(token) }
      return delivery(response.status.code, answer)
    } catch let error as GoogleCredentialsError {
      return .failed(error.description)
    } catch {
      return .failed("\(url): \(Task.isCancelled ? "no answer in time" : "\(error)")")
    }
  }

  private func body(_ batch: [[UInt8]]) -> ByteBuffer {
    var body = ByteBuffer(bytes: head)
    body.reserveCapacity(head.count + batch.reduce(2) { $0 + $1.count + 1 })
    for (place, entry) in batch.enumerated() {
      if place > 0 { body.writeInteger(UInt8(ascii: ",")) }
      body.writeBytes(entry)
    }
    body.writeString("]}")
    return body
  }

  private func delivery(_ status: UInt, _ answer: ByteBuffer?) -> CloudLogDelivery {
    if (200..<300).contains(status) { return .arrived }
    let message = answer.flatMap { try? JSONValue(parsing: $0.readableBytesView)["error"]?["message"]?.string }
    let line = message.map { ": " + $0.split(whereSeparator: \.isNewline).joined(separator: " ") } ?? ""
    let reason = "\(url): status \(status)\(line)"
    return Self.passingStatuses.contains(status) || status >= 500 ? .failed(reason) : .refused(reason)
  }

  /// A token that is good no more, too slow, and too much.
  private static let passingStatuses: Set<UInt> = [401, 408, 429]
  private static let timeout = TimeAmount.seconds(30)
  private static let maxAnswer = 64 * 1024
}
