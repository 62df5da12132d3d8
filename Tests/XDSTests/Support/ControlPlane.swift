// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtProcTesting
import Logging
import Testing

@testable import XDS

/// A control plane that serves on a loopback port.
struct ControlPlane {
  let server: XDSServer
  let address: ListenAddress

  static func run(
    _ cache: any DiscoveryCache, configuration: XDSServer.Configuration = XDSServer.Configuration(),
    callbacks: (any XDSCallbacks)? = nil, log: LogRecorder = LogRecorder(),
    _ body: (ControlPlane) async throws -> Void
  ) async throws {
    let server = XDSServer(cache, configuration: configuration, callbacks: callbacks, logger: log.logger)
    var serving = ServerConfiguration.loopback
    serving.xdsAddress = .ip("127.0.0.1", 0)
    serving.disableTLS = true
    serving.disablePlaintext = true
    serving.combinedHealthCheck = true
    serving.threads = 1
    let service = CalloutService([], controlPlane: server, configuration: serving, logger: log.logger)
    try await withRunningServer(service) { running in
      guard let address = running.addresses.xds else { throw StartupError("nothing serves xDS") }
      try await body(ControlPlane(server: server, address: address))
    }
  }

  /// A connection of its own.
  func channel() async throws -> GRPCChannel { try await CalloutClient.connect(to: address).channel }

  /// A client on a connection of its own.
  func client(_ variant: Variant, node: String = "node") async throws -> WireClient {
    WireClient(try await channel(), variant, node: node)
  }

  /// Waits until as many streams are open, which nobody tells.
  func waitForStreams(_ count: Int) async throws {
    while server.service.open.count != count {
      try Task.checkCancellation()
      await Task.yield()
    }
  }
}

/// Which of the four ways a client asks.
struct Variant: Sendable, CustomTestStringConvertible {
  let speaks: DiscoveryProtocol
  let isAggregated: Bool

  static let all = DiscoveryProtocol.allCases.flatMap { speaks in
    [true, false].map { Variant(speaks: speaks, isAggregated: $0) }
  }
  static let aggregated = all.filter(\.isAggregated)

  var testDescription: String { "\(speaks), \(isAggregated ? "aggregated" : "a stream for each type")" }
}
