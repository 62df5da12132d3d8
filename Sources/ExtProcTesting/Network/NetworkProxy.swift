// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import Logging
public import NetworkExtProc

/// A network callout behind a real Envoy, before an upstream of connections.
public struct NetworkProxy: Sendable {
  public let envoy: EnvoyProcess
  public let server: RunningServer
  /// What the callout's server logs.
  public let log: LogRecorder

  /// A client's connection to Envoy.
  public func connect() async throws -> TCPConnection { try await TCPConnection.connect(to: envoy.address) }
}

/// Runs a network callout, an upstream of connections and a real Envoy between them while `body` runs.
///
///     try await withNetworkProxy(NetworkBasic()) { proxy in
///       let connection = try await proxy.connect()
///       try await connection.send("hello")
///       #expect(try await String(buffer: connection.receive(5)) == "hello")
///     }
///
/// - Parameters:
///   - executable: the program; by default the one of `EnvoyProcess.executable`.
///   - handler: the upstream; by default it sends everything back.
///   - filter: changes what the filter is configured with.
public func withNetworkProxy<Result>(
  _ callout: NetworkCalloutServer, executable: String? = EnvoyProcess.executable,
  configuration: ServerConfiguration = .loopback, upstream handler: @escaping TCPUpstream.Handler = TCPUpstream.echo,
  filter: (inout EnvoyConfiguration.NetworkCallout) -> Void = { _ in }, _ body: (NetworkProxy) async throws -> Result
) async throws -> Result {
  // A callout may log all that passes at the level trace.
  let log = LogRecorder(level: .debug)
  return try await withTCPUpstream(handler) { upstream in
    try await withRunningServer(callout, configuration: configuration, logger: log.logger) { server in
      var callout = EnvoyConfiguration.NetworkCallout(server.addresses.plaintext!)
      filter(&callout)
      var bootstrap = EnvoyConfiguration(upstream: upstream.address)
      bootstrap.traffic = .tcp
      bootstrap.networkCallouts = [callout]
      return try await withEnvoy(bootstrap, executable: executable) { envoy in
        try await body(NetworkProxy(envoy: envoy, server: server, log: log))
      }
    }
  }
}
