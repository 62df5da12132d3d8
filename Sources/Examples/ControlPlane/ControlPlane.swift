// SPDX-License-Identifier: Apache-2.0

// A control plane and nothing else: has each Envoy that asks listen on port 15001 and send what it takes to httpbin.
//
// With --follow-input, each line of standard input says where httpbin is from then on, such as `httpbin-2:8000`.
// An Envoy starts with what --print-envoy-bootstrap prints.

import ArgumentParser
import CalloutServing
import Logging
import XDS
import XDSConfig

@main
struct ControlPlane: CalloutProgram {
  @OptionGroup var server: ServerOptions
  @Option(help: "Where proxies listen.") var listen = ProxyAddress("0.0.0.0", 15001)
  @Option(help: "Where proxies find httpbin.") var httpbin = ProxyAddress("httpbin", 8000)
  @Flag(help: "Read from standard input where httpbin is from then on, one host:port a line.") var followInput = false

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(Self.proxy(at: listen, to: httpbin).resources()))
    let controlPlane = XDSServer(cache, logger: logger)
    let (lines, listen) = (followInput ? standardInput : nil, listen)
    async let _ = Self.follow(lines, listen, cache, logger)
    try await CalloutService([], controlPlane: controlPlane, configuration: configuration, logger: logger)
      .runUntilSignalled()
  }

  static func proxy(at address: ProxyAddress, to httpbin: ProxyAddress) -> ProxyConfiguration {
    var service = ProxyConfiguration.Upstream("httpbin_service", at: [httpbin])
    service.dns = .firstAddress
    service.balancing = .roundRobin
    var listener = ProxyConfiguration.HTTPListener(
      "httpbin-demo", at: address, routes: [.init(.prefix("/"), to: service.name)])
    listener.idleTimeout = .seconds(300)
    listener.requestTimeout = .seconds(15)
    return ProxyConfiguration(listeners: [.http(listener)], upstreams: [service])
  }

  /// Publishes each new address, and tells which proxies use it.
  private static func follow(
    _ lines: AsyncStream<String>?, _ listen: ProxyAddress, _ cache: SnapshotCache, _ logger: Logger
  ) async {
    guard let lines else { return }
    for await line in lines {
      do {
        guard let address = ProxyAddress(line) else { throw ValidationError("'\(line)' is no host:port") }
        let resources = try proxy(at: listen, to: address).resources()
        let report = cache.publish(try Snapshot(resources, reusing: cache.snapshot()))
        for outcome in await report.converged() { logger.notice("httpbin is at \(address): \(outcome)") }
      } catch {
        logger.error("httpbin stays where it is: \(error)")
      }
    }
  }
}
