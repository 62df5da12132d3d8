// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How Envoy reaches the callout.
enum Wire: CaseIterable {
  case plaintext, tls, unixSocket
}

/// A callout behind a real Envoy, before an upstream.
struct Proxy {
  let envoy: EnvoyProcess
  let server: RunningServer
  let log: LogRecorder

  func connect() async throws -> HTTPConnection { try await HTTPConnection.connect(to: envoy.address) }
}

/// Runs a callout, an upstream and an Envoy between them while `body` runs.
func withProxy<Result>(
  _ callout: CalloutServer, over wire: Wire = .plaintext, executable: String? = EnvoyProcess.executable,
  upstream responder: @escaping HTTPUpstream.Responder = HTTPUpstream.echo,
  mode: (inout ProcessingMode) -> Void = { _ in }, filter: (inout EnvoyConfiguration.Callout) -> Void = { _ in },
  _ body: (Proxy) async throws -> Result
) async throws -> Result {
  let log = LogRecorder()
  var configuration = ServerConfiguration.loopback
  if wire == .unixSocket {
    let file = "callout-\(UUID().uuidString.prefix(8)).sock"
    configuration.plaintextAddress = .unix(FileManager.default.temporaryDirectory.appending(path: file).path)
  }
  return try await withHTTPUpstream(responder) { upstream in
    try await withRunningServer(callout, configuration: configuration, logger: log.logger) { server in
      let addresses = server.addresses
      var callout =
        switch wire {
        case .tls: EnvoyConfiguration.Callout(addresses.secure!, trusting: addresses.certificateChain)
        case .plaintext, .unixSocket: EnvoyConfiguration.Callout(addresses.plaintext!)
        }
      mode(&callout.processingMode)
      filter(&callout)
      let bootstrap = EnvoyConfiguration(upstream: upstream.address, callouts: [callout])
      return try await withEnvoy(bootstrap, executable: executable) { envoy in
        try await body(Proxy(envoy: envoy, server: server, log: log))
      }
    }
  }
}
