// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtProcTesting
import Logging
import NIOCore
import Testing

@testable import XDS

/// A control plane that serves on a loopback port.
struct ControlPlane {
  let server: XDSServer
  let address: ListenAddress

  static func run(
    _ cache: any DiscoveryCache, configuration: XDSServer.Configuration = XDSServer.Configuration(),
    callbacks: (any XDSCallbacks)? = nil, at address: ListenAddress = .ip("127.0.0.1", 0),
    _ body: (ControlPlane) async throws -> Void
  ) async throws {
    let logger = LogRecorder().logger
    let server = XDSServer(cache, configuration: configuration, callbacks: callbacks, logger: logger)
    var serving = ServerConfiguration.loopback
    serving.xdsAddress = address
    serving.disableTLS = true
    serving.disablePlaintext = true
    serving.combinedHealthCheck = true
    serving.threads = 1
    let service = CalloutService([], controlPlane: server, configuration: serving, logger: logger)
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

  /// Waits until the state of every stream is such, which nobody tells.
  func waitForStreams(until condition: @escaping @Sendable (DiscoveryState) -> Bool) async throws {
    for stream in server.service.open {
      while try await !stream.eventLoop.submit({ condition(stream.value.state) }).get() {
        try Task.checkCancellation()
        await Task.yield()
      }
    }
  }

  /// Waits until every client has answered all that it was sent.
  func waitForAnswers() async throws { try await waitForStreams { !$0.isWaiting } }

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
