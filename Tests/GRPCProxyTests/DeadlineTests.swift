// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("deadlines", .timeLimit(.minutes(1)))
struct DeadlineTests {
  /// The client's deadline, the route's, and the time that the backend is given, in milliseconds.
  struct Example: Sendable {
    var client: String?
    var route: Int?
    var backend: ClosedRange<Int>?
  }

  @Test(
    "a backend is told the sooner of the client's deadline and the route's, in what is left of it",
    arguments: [
      Example(),
      Example(client: "20S", backend: 10_000...20_000),
      Example(route: 20_000, backend: 10_000...20_000),
      Example(client: "1H", route: 20_000, backend: 10_000...20_000),
      Example(client: "20S", route: 3_600_000, backend: 10_000...20_000),
    ])
  func told(_ example: Example) async throws {
    let seen = Events<HeaderFields>()
    try await withProxy(
      to: { call, fields in
        seen.send(fields)
        call.answer("")
      }, directing: { _, pool in Self.direction(to: pool, within: example.route) }
    ) { proxy, _ async throws in
      let fields = BareClient.fields(example.client.map { ["grpc-timeout": $0] } ?? [:])
      #expect(try await proxy.call(fields).status == .ok)
    }
    let values = try #require(await seen.next()).values("grpc-timeout")
    #expect(values.count == (example.backend == nil ? 0 : 1))
    if let range = example.backend, let value = values.first {
      let left = try #require(Array(value.utf8).withUnsafeBufferPointer { GRPCTimeout.parse($0) })
      #expect(left > .milliseconds(range.lowerBound) && left <= .milliseconds(range.upperBound))
    }
  }

  /// Whose deadline it is that passes; the other's, if there is one, is far away.
  enum Owner: CaseIterable { case client, route, clientBeforeRoute, routeBeforeClient }

  @Test(
    "a deadline that passes is DEADLINE_EXCEEDED at the client, and the backend's stream is reset",
    arguments: Owner.allCases)
  func passed(owner: Owner) async throws {
    // How long a call needs to get to the backend is for the machine to say.
    for seconds in [1, 4, 16] {
      if try await passes(owner, after: seconds) { return }
    }
    Issue.record("no call came to the backend before its deadline")
  }

  /// Returns whether the backend had the call before its deadline.
  private func passes(_ owner: Owner, after seconds: Int) async throws -> Bool {
    let (clientTimeout, routeTimeout): (String?, Int?) =
      switch owner {
      case .client: ("\(seconds)S", nil)
      case .route: (nil, seconds * 1_000)
      case .clientBeforeRoute: ("\(seconds)S", 3_600_000)
      case .routeBeforeClient: ("1H", seconds * 1_000)
      }
    let ends = Events<HTTP2ErrorCode?>()
    var hasBegun = false
    try await withProxy(
      to: { call, _ in
        call.send(headers: PingService.head(["x-early": "yes"]))
        ends.send(await call.closed())
      }, directing: { _, pool in Self.direction(to: pool, within: routeTimeout) }
    ) { proxy, _ async throws in
      let fields = BareClient.fields(clientTimeout.map { ["grpc-timeout": $0] } ?? [:])
      let response = try await proxy.withClient { try await $0.open(fields).response() }
      #expect(response.status?.code == .deadlineExceeded)
      hasBegun = response.section(0)["x-early"] == "yes"
      #expect(response.sections.count == (hasBegun ? 2 : 1))
      if hasBegun { #expect(await ends.next() == .cancel) }
      #expect(await proxy.summaries.next()?.status == .deadlineExceeded)
    }
    return hasBegun
  }

  @Test(
    "both sides know of it where they are gRPC's Python", .enabled(if: ProxyPeer.python != nil, "\(ProxyPeer.hint)"))
  func foreign() async throws {
    try await ProxyPeer.withBackend { backend, process in
      let pool = try BackendPool(BackendSet("backends", [backend]))
      defer { pool.retire() }
      let proxy = try await ProxyServer.start(Director { _ in .to(pool) })
      try await ended(proxy.stop) {
        let response = try await proxy.call(BareClient.fields(PingService.path("Sleep"), ["grpc-timeout": "5S"]))
        #expect(response.status?.code == .deadlineExceeded)
        // Its library adds a tenth of a second to what it was told.
        #expect(try #require(Double(try await process.line("begun Sleep "))) <= 5.1)
        try await process.line("ended Sleep")
      }
    }
  }

  @Test("a deadline that cannot be read is INTERNAL, and the call goes nowhere")
  func malformed() async throws {
    let calls = Counter()
    try await withProxy(to: { _, _ in calls.add() }) { proxy, _ async throws in
      #expect(try await proxy.call(BareClient.fields(["grpc-timeout": "soon"])).status?.code == .internal)
      #expect(await proxy.summaries.next()?.status == .internal)
    }
    #expect(calls.value == 0)
  }

  private static func direction(to pool: BackendPool, within milliseconds: Int?) -> CallDirection {
    var direction = CallDirection.to(pool)
    direction.timeout = milliseconds.map { .milliseconds($0) }
    return direction
  }
}
