// SPDX-License-Identifier: Apache-2.0

// Lets requests pass that have a header `header-check`, and whose body, where there is one, contains `body-check`; denies
// others with 403. Each decision is a structured entry of Cloud Logging's: a line of JSON on standard output, which
// Google's logging agents read, or with --log-to-api sent to the Cloud Logging API.
//
// Envoy processing mode: request_header_mode: SEND, request_body_mode: BUFFERED.

import ArgumentParser
import CloudLogging
import ExtProc
import GoogleCredentials
import Logging

final class CloudLog: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    context[RequestLine.self] = (headers.method ?? "", headers.path ?? "")
    try decide(
      headers.contains("header-check"), orDeny: "\"header-check\" not found within the request headers", context)
    return .mutate(set: ["header-request": "request"], clearRouteCache: true)
  }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    try decide(body.contains("body-check"), orDeny: "\"body-check\" not found within the request body", context)
    return .replace("replaced-body")
  }

  /// What the entries of one exchange have in common.
  private enum RequestLine: CalloutContextKey { static let defaultValue = (method: "", path: "") }

  private func decide(_ isAllowed: Bool, orDeny reason: String, _ context: CalloutContext) throws {
    let (method, path) = context[RequestLine.self]
    var httpRequest: Logger.Metadata = ["requestMethod": "\(method)", "requestUrl": "\(path)"]
    if !isAllowed { httpRequest["status"] = "403" }
    context.logger.log(
      level: isAllowed ? .info : .warning, isAllowed ? "allowed" : "\(reason)",
      metadata: [
        "method": "\(method)", "path": "\(path)", "decision": isAllowed ? "allowed" : "denied",
        "httpRequest": .dictionary(httpRequest),
      ])
    guard isAllowed else { throw Denial(reason) }
  }
}

@main
struct Program: CalloutProgram {
  @OptionGroup var server: ServerOptions
  @Flag(help: "Log to the Cloud Logging API instead of standard output.") var logToAPI = false
  @Option(help: "The project to log to. (default: the one that the machine belongs to)") var project: String?
  @Option(help: "The log's name.") var logName = "callouts"
  @Option(help: "Where the Cloud Logging API is.") var endpoint = "https://logging.googleapis.com"

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let exporter = logToAPI ? try await api(logger) : .standardOutput(diagnostics: logger)
    var log = Logger(label: "CloudLog") { exporter.handler(label: $0) }
    log.logLevel = logger.logLevel
    do {
      try await CloudLog().run(configuration, logger: log)
    } catch {
      await exporter.finish()
      throw error
    }
    await exporter.finish()
  }

  private func api(_ diagnostics: Logger) async throws -> CloudLogExporter {
    let credentials = GoogleCredentials()
    let project = if let project { project } else { try await credentials.projectID() }
    return try .api(
      project: project, logName: logName, endpoint: endpoint, credentials: credentials, diagnostics: diagnostics)
  }
}
