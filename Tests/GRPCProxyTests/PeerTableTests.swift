// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Testing

/// Every case of `ProxyCase` with gRPC's own library and ours at either end, in plaintext and with TLS on both sides.
@Suite("P1 to P8 and what users came upon, with every pair of peers", .timeLimit(.minutes(3)))
struct PeerTableTests {
  struct Peers: Sendable, CustomTestStringConvertible {
    let client: Peer
    let backend: Peer
    let usesTLS: Bool

    var testDescription: String { "\(client) client, \(backend) backend, \(usesTLS ? "TLS" : "plaintext")" }
    var areOurs: Bool { client == .ours && backend == .ours }

    static let all = [Peer.ours, .grpcio].flatMap { client in
      [Peer.ours, .grpcio].flatMap { backend in
        [false, true].map { Peers(client: client, backend: backend, usesTLS: $0) }
      }
    }
  }

  enum Peer { case ours, grpcio }

  @Test("all cases", arguments: Peers.all.filter(\.areOurs))
  func ourCases(peers: Peers) async throws { try await runCases(peers) }

  @Test(
    "all cases with gRPC's Python", .enabled(if: ProxyPeer.python != nil, "\(ProxyPeer.hint)"),
    arguments: Peers.all.filter { !$0.areOurs })
  func foreignCases(peers: Peers) async throws { try await runCases(peers) }

  private func runCases(_ peers: Peers) async throws {
    let identity = peers.usesTLS ? try TLSIdentity.selfSigned() : nil
    try await withBackend(peers.backend, identity) { backend in
      let pool = try BackendPool(BackendSet("backends", [backend]))
      defer { pool.retire() }
      let director = Director { call in
        if call.metadata["test-reject-rpc-if-in-context"] == "true" {
          throw GRPCStatus(.permissionDenied, "testing rejection")
        }
        return .to(pool)
      }
      // P2 is about a method that is registered by its name.
      let proxy = try await ProxyServer.start(director, tls: identity) { proxy in
        [proxy.service("test.Pings", methods: ["Ping"]), proxy.unknownServices]
      }
      try await ended(proxy.stop) { try await runCases(of: peers.client, through: proxy) }
      let refused = proxy.summaries.noted.filter { $0.status == .permissionDenied }
      #expect(refused.map(\.backends) == [[]], "P4: no backend is called")
      #expect(
        proxy.summaries.noted.allSatisfy { $0.backends == ["\(backend.target)"] || $0.status == .permissionDenied })
    }
  }

  private func withBackend(
    _ peer: Peer, _ identity: TLSIdentity?, _ body: (Backend) async throws -> Void
  ) async throws {
    switch peer {
    case .ours: try await withServer([PingService.make()], tls: identity) { try await body($0.backend) }
    case .grpcio: try await ProxyPeer.withBackend(tls: identity) { backend, _ in try await body(backend) }
    }
  }

  private func runCases(of peer: Peer, through proxy: ProxyServer) async throws {
    switch peer {
    case .ours:
      let channel = try await proxy.server.connect(maxMessageLength: 8 * 1_024 * 1_024)
      for proxyCase in ProxyCase.all {
        do {
          try await proxyCase.run(channel)
        } catch {
          Issue.record("\(proxyCase.name): \(error)")
        }
      }
      await channel.close()
    case .grpcio:
      let lines = try await ProxyPeer.runClient(of: proxy.server)
      #expect(lines == ProxyCase.all.map { "ok \($0.name)" })
    }
  }
}
