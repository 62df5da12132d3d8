// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import Logging
internal import NIOConcurrencyHelpers
internal import XDS
internal import XDSConfig

/// Has the proxies of a server configured to use its callouts: the server's own control plane.
final class ProxyControl: Sendable {
  /// Serves what is published.
  let controlPlane: XDSServer

  private let cache = SnapshotCache()
  private let description: ProxyDescription
  private let logger: Logger

  init(_ description: ProxyDescription, _ configuration: ServerConfiguration, logger: Logger) {
    self.description = description
    self.logger = logger
    var server = XDSServer.Configuration()
    server.identifier = "swift-callouts"
    if configuration.xdsClientAuthoritiesPath != nil {
      server.isAllowed = { node, peer in peer.names.contains(node.id) }
    }
    controlPlane = XDSServer(cache, configuration: server, logger: logger)
  }

  /// Publishes the configuration, now that the server's ports are known, and each change of it, until cancelled.
  func run(_ addresses: CalloutService.Addresses) async {
    await withTaskGroup(of: Void.self) { tasks in
      do {
        guard let file = try description.open(at: addresses) else {
          return publish(description.proxy(at: addresses) ?? ProxyConfiguration(), &tasks)
        }
        publish(file.configuration, &tasks)
        await file.watch(logger: logger) { proxy in publish(proxy, &tasks) }
      } catch {
        logger.error("the proxy's configuration cannot be used", metadata: ["error": "\(error)"])
      }
    }
  }

  private func publish(_ proxy: ProxyConfiguration, _ tasks: inout TaskGroup<Void>) {
    for problem in proxy.problems() where problem.severity == .warning {
      logger.warning("the proxy's configuration may not do what is meant", metadata: ["problem": "\(problem)"])
    }
    do {
      let snapshot = try Snapshot(try proxy.resources(), reusing: cache.snapshot())
      let report = cache.publish(snapshot)
      tasks.addTask { await self.tell(report) }
    } catch {
      logger.error("the proxy's configuration stays as it was", metadata: ["error": "\(error)"])
    }
  }

  /// Logs what became of a change in the proxies that are connected.
  private func tell(_ report: PublishReport) async {
    let outcomes = await report.converged()
    for outcome in outcomes where outcome.result != .acknowledged {
      logger.warning("a proxy has not the configuration of the moment", metadata: ["proxy": "\(outcome)"])
    }
    let count = outcomes.count { $0.result == .acknowledged }
    if count > 0 { logger.notice("proxies have the configuration", metadata: ["proxies": "\(count)"]) }
  }
}
