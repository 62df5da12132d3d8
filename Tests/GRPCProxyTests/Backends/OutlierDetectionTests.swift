// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import Testing

@Suite("Backends whose calls fail", .timeLimit(.minutes(1)))
struct OutlierDetectionTests {
  private static func set(_ backends: [Backend]) -> BackendSet {
    var set = BackendSet("set", backends)
    set.outlierDetection?.consecutiveFailures = 2
    set.outlierDetection?.ejectionTime = .seconds(3_600)
    set.outlierDetection?.maxEjectionTime = .seconds(3_600)
    return set
  }

  @Test("one whose calls end with UNAVAILABLE is left out, and a log line says so")
  func ejection() async throws {
    let log = LogLines()
    let bad = try await NamedBackend.start("bad", failing: GRPCStatus(.unavailable, "not now"))
    try await withBackends("good") { backends in
      let pool = try BackendPool(Self.set([bad.backend, backends[0].backend]), logger: log.logger)
      try await ProxyClient.run(pool) { (client) async throws in
        for _ in 0..<2 {
          #expect(await client.status() == GRPCStatus(.unavailable, "not now"))
          #expect(try await client.who() == "good")
        }
        #expect(
          await log.next()
            == "warning a backend is left out because its calls fail backend=\(bad.backend.target) for=3600.0 seconds set=set"
        )
        #expect(try await client.who(times: 10) == Array(repeating: "good", count: 10))
      }
    }
    await bad.stop()
  }

  @Test("other errors are the calls' own", arguments: [GRPCStatus.Code.internal, .notFound, .resourceExhausted])
  func otherErrors(code: GRPCStatus.Code) async throws {
    let bad = try await NamedBackend.start("bad", failing: GRPCStatus(code))
    try await withBackends("good") { backends in
      try await ProxyClient.run(BackendPool(Self.set([bad.backend, backends[0].backend]))) { (client) async throws in
        for _ in 0..<5 {
          #expect(await client.status().code == code)
          #expect(try await client.who() == "good")
        }
      }
    }
    await bad.stop()
  }

  @Test("where no other remains it gets the calls all the same")
  func noOther() async throws {
    let log = LogLines()
    let status = GRPCStatus(.unavailable, "not now")
    let backends = [
      try await NamedBackend.start("a", failing: status), try await NamedBackend.start("b", failing: status),
    ]
    let pool = try BackendPool(Self.set(backends.map(\.backend)), logger: log.logger)
    try await ProxyClient.run(pool) { client in
      for _ in 0..<4 { #expect(await client.status() == status) }
      // Both are left out by now.
      for _ in 0..<2 { #expect(await log.next()?.hasPrefix("warning a backend is left out") == true) }
      for _ in 0..<4 { #expect(await client.status() == status) }
    }
    for backend in backends { await backend.stop() }
  }

  @Test("one that cannot be connected to is left out, too")
  func refusing() async throws {
    let log = LogLines()
    try await withBackends("good") { backends in
      var set = Self.set([NamedBackend.refusing, backends[0].backend])
      set.connection.initialBackoff = .zero
      set.connection.maxBackoff = .zero
      try await ProxyClient.run(BackendPool(set, logger: log.logger)) { (client) async throws in
        #expect(try await client.who(times: 6) == Array(repeating: "good", count: 6))
        #expect(await log.next()?.contains("backend=unix:/nonexistent/callouts.sock for=3600.0 seconds") == true)
      }
    }
  }
}
