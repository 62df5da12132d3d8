// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOConcurrencyHelpers

/// Runs `body` with a backend of ours and a proxy before it; both are gone when it returns.
func withProxy(
  to services: [GRPCService], configuration: GRPCProxy.Configuration = GRPCProxy.Configuration(),
  directing: @escaping @Sendable (IncomingCall, BackendPool) async throws -> CallDirection = { .to($1) },
  _ body: (ProxyServer, LocalServer) async throws -> Void
) async throws {
  try await withServer(services) { backend in
    let pool = try BackendPool(BackendSet("backends", [backend.backend]))
    defer { pool.retire() }
    let proxy = try await ProxyServer.start(
      Director { try await directing($0, pool) }, configuration: configuration)
    try await ended(proxy.stop) { try await body(proxy, backend) }
  }
}

/// The same with a backend that serves every method by hand.
func withProxy(
  to bare: @escaping BareMethod,
  configuration: GRPCProxy.Configuration = GRPCProxy.Configuration(),
  directing: @escaping @Sendable (IncomingCall, BackendPool) async throws -> CallDirection = { .to($1) },
  _ body: (ProxyServer, LocalServer) async throws -> Void
) async throws {
  try await withProxy(
    to: [GRPCService(unknownMethods: .bare("*", bare))], configuration: configuration, directing: directing, body)
}

/// Runs `body` with a server of ours.
func withServer<Result>(
  _ services: [GRPCService], tls identity: TLSIdentity? = nil, _ body: (LocalServer) async throws -> Result
) async throws -> Result {
  let server = try await LocalServer.start(services, tls: identity)
  return try await ended(server.stop) { try await body(server) }
}

/// Runs `body`, and `end` behind it, however it went.
func ended<Result>(_ end: () async -> Void, _ body: () async throws -> Result) async throws -> Result {
  let result: Result
  do {
    result = try await body()
  } catch {
    await end()
    throw error
  }
  await end()
  return result
}
