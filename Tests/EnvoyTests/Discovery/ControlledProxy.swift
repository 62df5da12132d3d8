// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import Foundation
import Logging
import XDS
import XDSConfig

/// A real Envoy that has nothing but a bootstrap, and the control plane that it gets everything else from.
struct ControlledProxy {
  let envoy: EnvoyProcess
  let cache: SnapshotCache
  let log: LogRecorder

  /// Publishes a configuration and waits until Envoy has accepted all of it.
  func publish(_ proxy: ProxyConfiguration) async throws {
    let report = cache.publish(try Snapshot(try proxy.resources(), reusing: cache.snapshot()))
    let outcomes = await report.converged()
    guard outcomes.map(\.result) == [.acknowledged] else { throw NotConverged(description: "\(outcomes)") }
  }

  struct NotConverged: Error, CustomStringConvertible { let description: String }

  /// Where a listener is.
  func address(of listener: String) async throws -> ListenAddress {
    let connection = try await HTTPConnection.connect(to: envoy.admin)
    let text = try await connection.get("/listeners").text
    await connection.close()
    let line = text.split(separator: "\n").first { $0.hasPrefix(listener + "::") }
    guard let line, let address = ListenAddress(String(line.dropFirst(listener.count + 2))) else {
      throw NotConverged(description: "no listener \(listener) in \(text)")
    }
    return address
  }
}

/// A Unix-domain socket for a control plane: another can take its place.
func temporarySocket() -> ListenAddress {
  let file = "xds-\(UUID().uuidString.prefix(8)).sock"
  return .unix(FileManager.default.temporaryDirectory.appending(path: file).path)
}

/// Runs a control plane while `body` runs.
func withControlPlane<Result>(
  _ server: XDSServer, at address: ListenAddress, _ body: (RunningServer) async throws -> Result
) async throws -> Result {
  var configuration = ServerConfiguration.loopback
  configuration.xdsAddress = address
  let service = CalloutService([], controlPlane: server, configuration: configuration, logger: LogRecorder().logger)
  return try await withRunningServer(service, body)
}

/// Runs a control plane with a first configuration, and an Envoy that gets it, while `body` runs.
func withControlledProxy<Result>(
  _ first: ProxyConfiguration, _ transport: XDSBootstrap.Transport, executable: String? = EnvoyProcess.executable,
  callbacks: (any XDSCallbacks)? = nil, _ body: (ControlledProxy) async throws -> Result
) async throws -> Result {
  let (cache, log, socket) = (SnapshotCache(), LogRecorder(), temporarySocket())
  cache.publish(try Snapshot(try first.resources()))
  var configuration = XDSServer.Configuration()
  // Longer than a callout takes here, so that removals happen while there is load.
  configuration.removalDelay = .milliseconds(500)
  return try await withControlPlane(
    XDSServer(cache, configuration: configuration, callbacks: callbacks, logger: log.logger), at: socket
  ) { _ in
    try await withEnvoy(bootstrap: try bootstrap(socket, transport), executable: executable) { envoy in
      try await body(ControlledProxy(envoy: envoy, cache: cache, log: log))
    }
  }
}

/// What an Envoy starts with that finds its control plane at a Unix-domain socket.
func bootstrap(_ socket: ListenAddress, _ transport: XDSBootstrap.Transport) throws -> [UInt8] {
  guard let address = ProxyAddress("\(socket)") else { throw ControlledProxy.NotConverged(description: "\(socket)") }
  var bootstrap = XDSBootstrap(node: XDSBootstrap.Node(id: "test", cluster: "tests"), server: address)
  bootstrap.transport = transport
  bootstrap.admin = ProxyAddress("127.0.0.1", 0)
  return Array(try bootstrap.yaml().utf8)
}

extension ProxyAddress {
  /// Where something listens on this machine.
  init(_ address: ListenAddress) throws {
    guard let address = ProxyAddress("\(address)") else {
      throw ControlledProxy.NotConverged(description: "\(address)")
    }
    self = address
  }
}
