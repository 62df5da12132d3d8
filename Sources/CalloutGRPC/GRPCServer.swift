// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore

/// Services, and the connections on which they are called.
///
/// It opens no sockets: whoever listens gives it each channel. Safe to use from any thread.
package final class GRPCServer: Sendable {
  package struct Configuration: Sendable {
    /// The longest message accepted, in bytes, compressed or not; a longer one ends its call with
    /// RESOURCE_EXHAUSTED. gRPC's usual 4 MiB, which holds the 1 MiB that Envoy buffers by default.
    package var maxMessageLength = 4 * 1_024 * 1_024
    package var http2 = HTTP2Configuration()
    package var limits = HTTP2ConnectionHandler.Limits()

    package init() {}
  }

  package let configuration: Configuration
  let logger: Logger
  private let methods: [String: GRPCMethod]
  private let unknownMethods: GRPCMethod?
  private let connections = NIOLockedValueBox<Connections>(Connections())

  private struct Connections {
    var open: [ObjectIdentifier: GRPCServerConnection.Bound] = [:]
    var isShuttingDown = false
    var whenEmpty: [CheckedContinuation<Void, Never>] = []
  }

  package init(services: [GRPCService], configuration: Configuration = Configuration(), logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    var methods: [String: GRPCMethod] = [:]
    for service in services where !service.isForUnknownMethods {
      for method in service.methods { methods["/\(service.name)/\(method.name)"] = method }
    }
    self.methods = methods
    unknownMethods = services.first(where: \.isForUnknownMethods)?.methods.first
  }

  /// Serves HTTP/2 on a channel, above TLS if there is any.
  package func serve(_ channel: any Channel) throws {
    let connection = GRPCServerConnection(server: self, channel: channel)
    let session = HTTP2Session(role: .server, configuration: configuration.http2)
    try channel.pipeline.syncOperations.addHandler(
      HTTP2ConnectionHandler(session: session, observer: connection, limits: configuration.limits))
  }

  /// Tells every client to open no new calls, and ends once all connections have closed.
  package func drain() async {
    let open = connections.withLockedValue { connections in
      connections.isShuttingDown = true
      return Array(connections.open.values)
    }
    for connection in open { connection.execute { $0.beginShutdown() } }
    await withCheckedContinuation { continuation in
      let isEmpty = connections.withLockedValue { connections in
        if !connections.open.isEmpty { connections.whenEmpty.append(continuation) }
        return connections.open.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }

  /// Has every call still going on finished by its handler.
  package func finishCalls() {
    for connection in connections.withLockedValue({ Array($0.open.values) }) { connection.execute { $0.finishCalls() } }
  }

  /// Closes every connection as it is.
  package func closeConnections() {
    for connection in connections.withLockedValue({ Array($0.open.values) }) { connection.execute { $0.close() } }
  }

  func method(at path: String) -> GRPCMethod? { methods[path] ?? unknownMethods }

  func opened(_ connection: GRPCServerConnection) {
    let bound = connection.bound
    let isShuttingDown = connections.withLockedValue { connections in
      connections.open[ObjectIdentifier(connection)] = bound
      return connections.isShuttingDown
    }
    if isShuttingDown { connection.beginShutdown() }
  }

  func closed(_ connection: GRPCServerConnection) {
    let waiting = connections.withLockedValue { connections -> [CheckedContinuation<Void, Never>] in
      connections.open[ObjectIdentifier(connection)] = nil
      guard connections.open.isEmpty else { return [] }
      defer { connections.whenEmpty = [] }
      return connections.whenEmpty
    }
    for continuation in waiting { continuation.resume() }
  }
}
