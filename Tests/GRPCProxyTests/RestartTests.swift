// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Foundation
import GRPCProxy
import Logging
import NIOCore
import Testing

/// Backends are on Unix-domain sockets, whose addresses nobody else takes while they are away.
@Suite("backends that end and come back under load", .timeLimit(.minutes(1)))
struct RestartTests {
  private static let workers = 32

  @Test("of two backends one is killed: only the calls that it has fail, and it gets calls when it is back")
  func killed() async throws {
    try await withBackends(["a", "b"]) { proxy, backends in
      let (a, again) = (backends[0], NameService("a"))
      var restarted: LocalServer?
      let failures = try await ended({ await restarted?.stop() }) {
        try await Load.run(through: proxy, workers: Self.workers) { load in
          let held = try await HeldCalls(10, through: proxy)
          await load.answers(200)
          await a.stop()
          for call in held.of("a") { #expect(await call.ending.status.code == .unavailable) }
          for call in held.of("b") { #expect(try await call.ask() == "b") }
          await load.answers(200)
          restarted = try await .start(again.services, at: a.address)
          for _ in 0..<50 { await again.served.next() }
          await held.end()
        }
      }
      // Each worker has one call at a time, and the backend was killed once.
      #expect(failures.count <= Self.workers)
      #expect(failures.allSatisfy { $0.code == .unavailable }, "\(failures)")
      await proxy.stop()
      let failed = proxy.summaries.noted.filter { $0.status != .ok }
      #expect(failed.allSatisfy { $0.backends == ["\(a.target)"] }, "\(failed)")
      #expect(failed.count == failures.count + 5)
    }
  }

  @Test("of two backends one drains with GOAWAY: its calls go on to their end, and none fails")
  func drained() async throws {
    try await withBackends(["a", "b"]) { proxy, backends in
      let failures = try await Load.run(through: proxy, workers: Self.workers) { load in
        let held = try await HeldCalls(10, through: proxy)
        await load.answers(200)
        async let drained: Void = backends[0].drain()
        await load.answers(200)
        for name in ["a", "b"] { for call in held.of(name) { #expect(try await call.ask() == name) } }
        for call in held.calls { call.halfClose() }
        for call in held.calls { #expect(await call.ending.status == .ok) }
        await drained
        await load.answers(200)
        await held.end()
      }
      #expect(failures == [])
    }
  }

  @Test("the only backend is replaced while it drains, and none of its calls fails")
  func replaced() async throws {
    try await withBackends(["a"]) { proxy, backends in
      let (a, new) = (backends[0], NameService("new"))
      var replacement: LocalServer?
      let failures = try await ended({ await replacement?.stop() }) {
        try await Load.run(through: proxy, workers: Self.workers) { load in
          await load.answers(200)
          try await a.listener.close()
          replacement = try await .start(new.services, at: a.address)
          await a.drain()
          for _ in 0..<200 { await new.served.next() }
        }
      }
      #expect(failures == [])
    }
  }

  private func withBackends(
    _ names: [String], _ body: (ProxyServer, [LocalServer]) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      var backends: [LocalServer] = []
      for name in names {
        let address = try SocketAddress(unixDomainSocketPath: directory.appendingPathComponent(name).path)
        backends.append(try await .start(NameService(name).services, at: address))
      }
      try await ended({ for backend in backends { await backend.stop() } }) {
        var set = BackendSet("backends", backends.map(\.backend))
        set.connection.initialBackoff = .milliseconds(10)
        set.connection.maxBackoff = .milliseconds(10)
        set.outlierDetection?.ejectionTime = .milliseconds(10)
        // That it says so is no news here.
        let pool = try BackendPool(set, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { pool.retire() }
        let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
        try await ended(proxy.stop) { try await body(proxy, backends) }
      }
    }
  }
}

/// Calls that stay open, as many on each backend.
private struct HeldCalls {
  let calls: [GRPCCall]
  private let names: [String]
  private let channel: GRPCChannel

  init(_ count: Int, through proxy: ProxyServer) async throws {
    channel = try await proxy.connect()
    var (calls, names): ([GRPCCall], [String]) = ([], [])
    while names.count(where: { $0 == "a" }) < count / 2 || names.count(where: { $0 == "b" }) < count / 2 {
      let call = try await channel.call(NameService.path)
      let name = try await call.ask()
      guard names.count(where: { $0 == name }) < count / 2 else {
        call.halfClose()
        continue
      }
      calls.append(call)
      names.append(name)
    }
    self.calls = calls
    self.names = names
  }

  func of(_ name: String) -> [GRPCCall] { zip(names, calls).filter { $0.0 == name }.map(\.1) }

  func end() async {
    for call in calls { call.halfClose() }
    for call in calls { _ = await call.ending }
    await channel.close()
  }
}

extension GRPCCall {
  /// The name of the backend that has the call.
  fileprivate func ask() async throws -> String {
    try await send(ByteBuffer(string: "?"))
    return try await next().map { String(buffer: $0) } ?? ""
  }
}
