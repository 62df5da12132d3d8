// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy

/// Runs `body` with a proxy that sends each call to backends that serve by hand, named by their numbers.
///
/// - Parameter fanOut: says what is done with calls to the backends' pools.
func withFanOut(
  to backends: [BareMethod],
  _ fanOut: ([BackendPool]) throws -> FanOut, _ body: (ProxyServer, [LocalServer]) async throws -> Void
) async throws {
  var servers: [LocalServer] = []
  for backend in backends { servers.append(try await .start([GRPCService(unknownMethods: .bare("*", backend))])) }
  try await ended({ for server in servers { await server.stop() } }) {
    let pools = try servers.enumerated().map { try BackendPool(BackendSet("\($0)", [$1.backend])) }
    defer { for pool in pools { pool.retire() } }
    let proxy = try await ProxyServer.start(Director { [fanOut = try fanOut(pools)] _ in .toAll(of: fanOut) })
    try await ended(proxy.stop) { try await body(proxy, servers) }
  }
}
