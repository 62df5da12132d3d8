// SPDX-License-Identifier: Apache-2.0
internal import Callouts
package import Logging

/// What all connections of a callout share.
package final class NetworkService: Sendable {
  let server: NetworkCalloutServer
  let configuration: NetworkCalloutServer.Configuration
  let logger: Logger
  let metrics: NetworkMetrics?
  let runsOnEventLoop: Bool

  package init(_ server: NetworkCalloutServer, logger: Logger) {
    self.server = server
    configuration = server.configuration
    self.logger = logger
    metrics = NetworkMetrics()
    runsOnEventLoop = configuration.hookExecutor == .eventLoop
  }
}
