// SPDX-License-Identifier: Apache-2.0
internal import CalloutServing
public import Callouts
public import ExtAuthz
internal import Logging

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A callout behind a real Envoy, before an upstream.
public struct EnvoyProxy: Sendable {
  /// How Envoy reaches the callout.
  public enum Wire: Sendable, CaseIterable {
    case plaintext, tls, unixSocket
  }

  public let envoy: EnvoyProcess
  public let server: RunningServer
  /// What the callout's server logs.
  public let log: LogRecorder

  /// A client's connection to Envoy.
  public func connect() async throws -> HTTPConnection { try await HTTPConnection.connect(to: envoy.address) }
}

/// Runs a callout, an upstream and a real Envoy between them while `body` runs.
///
///     try await withEnvoyProxy(AddHeader(), mode: { $0.requestBodyMode = .buffered }) { proxy in
///       let response = try await proxy.connect().get("/")
///       #expect(response.fields["header-response"] == "response")
///     }
///
/// - Parameters:
///   - executable: the program; by default the one of `EnvoyProcess.executable`.
///   - responder: the upstream; by default it tells the request that it got.
///   - mode: changes the filter's processing mode, at first Envoy's default.
///   - filter: changes what else the filter is configured with.
///   - envoy: changes what else Envoy is configured with.
public func withEnvoyProxy<Result>(
  _ callout: CalloutServer, over wire: EnvoyProxy.Wire = .plaintext, executable: String? = EnvoyProcess.executable,
  upstream responder: @escaping HTTPUpstream.Responder = HTTPUpstream.echo,
  mode: (inout ProcessingMode) -> Void = { _ in }, filter: (inout EnvoyConfiguration.Callout) -> Void = { _ in },
  envoy configure: (inout EnvoyConfiguration) -> Void = { _ in }, _ body: (EnvoyProxy) async throws -> Result
) async throws -> Result {
  try await withEnvoyProxy(serving: callout, over: wire, executable: executable, upstream: responder, body) {
    var callout = EnvoyConfiguration.Callout($0, trusting: $1)
    mode(&callout.processingMode)
    filter(&callout)
    var bootstrap = EnvoyConfiguration(upstream: $2, callouts: [callout])
    configure(&bootstrap)
    return bootstrap
  }
}

/// Runs an authorization server, an upstream and a real Envoy between them while `body` runs.
///
///     try await withEnvoyProxy(BlockIP()) { proxy in
///       #expect(try await proxy.connect().get("/").status == 403)
///     }
///
/// The parameters are those for a callout.
public func withEnvoyProxy<Result>(
  _ server: AuthorizationServer, over wire: EnvoyProxy.Wire = .plaintext,
  executable: String? = EnvoyProcess.executable,
  upstream responder: @escaping HTTPUpstream.Responder = HTTPUpstream.echo,
  filter: (inout EnvoyConfiguration.Authorization) throws -> Void = { _ in },
  envoy configure: (inout EnvoyConfiguration) -> Void = { _ in }, _ body: (EnvoyProxy) async throws -> Result
) async throws -> Result {
  try await withEnvoyProxy(serving: server, over: wire, executable: executable, upstream: responder, body) {
    var authorization = EnvoyConfiguration.Authorization($0, trusting: $1)
    try filter(&authorization)
    var bootstrap = EnvoyConfiguration(upstream: $2)
    bootstrap.authorizations = [authorization]
    configure(&bootstrap)
    return bootstrap
  }
}

/// The same for a callout server of any kind; `configuration` is given its address, the certificates to trust and the
/// upstream's address.
private func withEnvoyProxy<Result>(
  serving callout: any ServableCallout, over wire: EnvoyProxy.Wire, executable: String?,
  upstream responder: @escaping HTTPUpstream.Responder, _ body: (EnvoyProxy) async throws -> Result,
  configuration: (ListenAddress, [UInt8]?, ListenAddress) throws -> EnvoyConfiguration
) async throws -> Result {
  let log = LogRecorder()
  var listeners = ServerConfiguration.loopback
  if wire == .unixSocket {
    let file = "callout-\(UUID().uuidString.prefix(8)).sock"
    listeners.plaintextAddress = .unix(FileManager.default.temporaryDirectory.appending(path: file).path)
  }
  return try await withHTTPUpstream(responder) { upstream in
    try await withRunningServer(callout, configuration: listeners, logger: log.logger) { server in
      let addresses = server.addresses
      let bootstrap =
        try wire == .tls
        ? configuration(addresses.secure!, addresses.certificateChain, upstream.address)
        : configuration(addresses.plaintext!, nil, upstream.address)
      return try await withEnvoy(bootstrap, executable: executable) { envoy in
        try await body(EnvoyProxy(envoy: envoy, server: server, log: log))
      }
    }
  }
}
