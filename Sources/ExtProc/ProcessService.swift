// SPDX-License-Identifier: Apache-2.0
package import Callouts
package import Logging
internal import NIOConcurrencyHelpers

/// What all streams of a callout share.
package final class ProcessService: Sendable {
  let server: CalloutServer
  let configuration: CalloutServer.Configuration
  let filter: ProcessingState.Filter
  let logger: Logger
  let metrics: CalloutMetrics?
  /// Some bodies are not simply handed on piece by piece.
  let handlesBodies: Bool
  let runsOnEventLoop: Bool
  let overridesProcess: Bool
  private let warned = NIOLockedValueBox<Set<String>>([])

  package init(_ server: CalloutServer, logger: Logger) {
    self.server = server
    let configuration = server.configuration
    self.configuration = configuration
    self.logger = logger
    filter = ProcessingState.Filter(configuration)
    metrics = CalloutMetrics()
    overridesProcess = server.overridesProcess
    let bodies = [configuration.requestBody, configuration.responseBody]
    handlesBodies = bodies.contains { $0.delivery != .chunks || $0.limit != nil }
    // Beside a stream's hook another may be under way: on one event loop they still share the context safely.
    runsOnEventLoop =
      configuration.hookExecutor == .eventLoop || bodies.contains { $0.delivery == .stream }
  }

  /// Logs what Envoy ignores of a reply, once for each such thing.
  func warn(_ warnings: [String]) {
    for warning in warnings where warned.withLockedValue({ $0.count < Self.maxWarnings && $0.insert(warning).inserted })
    {
      logger.warning("Envoy ignores part of a reply; this is said once", metadata: ["reason": "\(warning)"])
    }
  }

  /// A callout that makes header names out of requests must not fill the memory.
  private static let maxWarnings = 100
}
