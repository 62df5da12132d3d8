// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import Testing

@Suite("Backends that are asked whether they are well", .timeLimit(.minutes(1)))
struct HealthCheckTests {
  private static func set(
    _ backends: [Backend], _ configure: (inout BackendSet.HealthCheck) -> Void = { _ in }
  ) -> BackendSet {
    var set = BackendSet("set", backends)
    var check = BackendSet.HealthCheck()
    check.interval = .milliseconds(5)
    check.timeout = .seconds(30)
    check.unhealthyThreshold = 1
    configure(&check)
    set.healthCheck = check
    set.connection.initialBackoff = .zero
    set.connection.maxBackoff = .zero
    return set
  }

  @Test(
    "any answer but SERVING leaves a backend out, with the reason in a log line",
    arguments: [
      (.notServing, "it says that it does not serve"), (.unknownService, "NOT_FOUND: unknown service"),
      (.broken, "INTERNAL: broken"),
    ] as [(CheckedBackend.Answer, String)])
  func badAnswers(answer: CheckedBackend.Answer, reason: String) async throws {
    let log = LogLines()
    let bad = try await CheckedBackend.start("bad", answering: answer)
    let good = try await CheckedBackend.start("good", answering: .serving)
    let pool = try BackendPool(Self.set([bad.backend.backend, good.backend.backend]), logger: log.logger)
    try await ProxyClient.run(pool) { (client) async throws in
      let target = bad.backend.backend.target
      #expect(await log.next() == "warning a backend is not healthy backend=\(target) reason=\(reason) set=set")
      #expect(try await client.who(times: 6) == Array(repeating: "good", count: 6))

      bad.answer(.serving)
      #expect(await log.next() == "notice a backend is healthy backend=\(target) set=set")
      #expect(try await Set(client.who(times: 2)) == ["bad", "good"])
    }
    await bad.stop()
    await good.stop()
  }

  @Test("no answer in time is a bad one")
  func noAnswer() async throws {
    let log = LogLines()
    let silent = try await CheckedBackend.start("silent", answering: .none)
    let set = Self.set([silent.backend.backend]) { $0.timeout = .milliseconds(50) }
    try await ProxyClient.run(BackendPool(set, logger: log.logger)) { client in
      #expect(await log.next()?.contains("reason=DEADLINE_EXCEEDED") == true)
      #expect(await client.status() == GRPCStatus(.unavailable, "no backend of 'set' is healthy"))
    }
    await silent.stop()
  }

  @Test("a backend that cannot be connected to is not healthy, either")
  func refusing() async throws {
    let log = LogLines()
    let pool = try BackendPool(Self.set([NamedBackend.refusing]), logger: log.logger)
    #expect(await log.next()?.contains("reason=UNAVAILABLE: cannot connect to unix:/nonexistent") == true)
    pool.retire()
  }

  @Test("a server without health service is well if it answers")
  func unimplemented() async throws {
    let log = LogLines()
    let backend = try await CheckedBackend.start("a", answering: .unimplemented)
    try await ProxyClient.run(BackendPool(Self.set([backend.backend.backend]), logger: log.logger)) {
      (client) async throws in
      for _ in 0..<5 { #expect(await backend.nextCheck() == "") }
      #expect(try await client.who() == "a")
      // The first line that there is comes from here.
      backend.answer(.notServing)
      #expect(await log.next()?.hasPrefix("warning a backend is not healthy") == true)
    }
    await backend.stop()
  }

  @Test("it takes so many answers in a row to leave a backend out, and so many to take it back")
  func thresholds() async throws {
    let backend = try await CheckedBackend.start(
      "a", answering: .notServing, .broken, .serving, .notServing, .notServing, .broken, .serving, .notServing,
      .serving, .serving)
    let log = LogLines { "\(backend.checkCount): " }
    let set = Self.set([backend.backend.backend]) {
      $0.unhealthyThreshold = 3
      $0.healthyThreshold = 2
    }
    let pool = try BackendPool(set, logger: log.logger)
    #expect(await log.next()?.hasPrefix("6: warning a backend is not healthy") == true)
    #expect(await log.next()?.hasPrefix("10: notice a backend is healthy") == true)
    pool.retire()
    await backend.stop()
  }

  @Test("until the first answer a backend counts as well, and it is asked about the service that is configured")
  func beforeFirstAnswer() async throws {
    let backend = try await CheckedBackend.start("a", answering: .none)
    let set = Self.set([backend.backend.backend]) { $0.service = "orders.v1.Orders" }
    try await ProxyClient.run(BackendPool(set)) { (client) async throws in
      #expect(await backend.nextCheck() == "orders.v1.Orders")
      #expect(try await client.who() == "a")
    }
    await backend.stop()
  }

  @Test("where none is healthy, calls end with UNAVAILABLE and the set's name, and those under way go on")
  func noneHealthy() async throws {
    let log = LogLines()
    let backends = [
      try await CheckedBackend.start("a", answering: .serving),
      try await CheckedBackend.start("b", answering: .serving),
    ]
    let pool = try BackendPool(Self.set(backends.map(\.backend.backend)), logger: log.logger)
    try await ProxyClient.run(pool) { client in
      let held = try await client.hold()
      for backend in backends { backend.answer(.notServing) }
      for _ in backends { #expect(await log.next()?.hasPrefix("warning a backend is not healthy") == true) }
      #expect(await client.status() == GRPCStatus(.unavailable, "no backend of 'set' is healthy"))
      #expect(try await held.again() == held.backend)
      try await held.release()
    }
    for backend in backends { await backend.stop() }
  }

  @Test("nobody is asked any more once the pool is retired, or let go of", arguments: [true, false])
  func ends(byRetiring: Bool) async throws {
    let backend = try await CheckedBackend.start("a", answering: .serving)
    var pool: BackendPool? = try BackendPool(Self.set([backend.backend.backend]))
    for _ in 0..<3 { #expect(await backend.nextCheck() == "") }
    if byRetiring { pool?.retire() } else { pool = nil }
    // The checks' connection is closed with them.
    try await backend.backend.connectionsClosed()
    withExtendedLifetime(pool) {}
    await backend.stop()
  }
}
