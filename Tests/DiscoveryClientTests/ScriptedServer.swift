// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import ExtProcTesting
import Logging
import NIOCore
import NIOPosix

/// A control plane that does what a test says.
enum ScriptedServer {
  typealias Script = @Sendable (Request, GRPCResponses) async throws -> Void
  typealias DeltaScript = @Sendable (DeltaRequest, GRPCResponses) async throws -> Void

  /// A method of a discovery service, whose script is run with each request.
  static func method(_ name: String, _ script: @escaping Script) -> GRPCMethod {
    GRPCMethod(name) { (requests, responses, _) in
      for try await request in requests { try await script(Request(grpcMessage: request), responses) }
    }
  }

  static func delta(_ name: String, _ script: @escaping DeltaScript) -> GRPCMethod {
    GRPCMethod(name) { (requests, responses, _) in
      for try await request in requests { try await script(DeltaRequest(grpcMessage: request), responses) }
    }
  }

  /// The Aggregated Discovery Service.
  static func aggregated(_ script: @escaping Script) -> [GRPCService] {
    [
      GRPCService(
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        methods: [method("StreamAggregatedResources", script)])
    ]
  }

  /// The same in the incremental variant.
  static func aggregatedDelta(_ script: @escaping DeltaScript) -> [GRPCService] {
    [
      GRPCService(
        "envoy.service.discovery.v3.AggregatedDiscoveryService", methods: [delta("DeltaAggregatedResources", script)])
    ]
  }

  /// Runs a server of these services while `body` uses a connection to it.
  static func run(_ services: [GRPCService], _ body: (GRPCChannel) async throws -> Void) async throws {
    let server = GRPCServer(services: services, logger: Logger(label: "scripted"))
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton, tls: nil
    ) { channel in
      try server.serve(channel)
    }
    func stop() async throws {
      try await listener.close()
      server.closeConnections()
      await server.drain()
    }
    do {
      let channel = try await GRPCChannel.connect(to: listener.address!)
      try await body(channel)
      await channel.close()
    } catch {
      try await stop()
      throw error
    }
    try await stop()
  }
}
