// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CoreMetrics
import MetricsTestKit
import NIOCore
import Testing

@testable import GRPCProxy

@Suite("What a proxy counts", .timeLimit(.minutes(1)))
struct ProxyMetricsTests {
  @Test("calls by where they went and how they ended, whatever numbers backends give")
  func outcomes() async throws {
    try await Self.run { client, metrics in
      for (set, code) in [("one", 0), ("one", 5), ("one", 0), ("two", 16), ("two", 17), ("two", -1)] {
        try await client.end(to: set, code: code)
      }
      try await client.end(to: "nowhere")
      try await client.end(to: "")
      #expect(
        metrics.completed == [
          "one OK": 2, "one NOT_FOUND": 1, "two UNAUTHENTICATED": 1, "two UNKNOWN": 2, "none PERMISSION_DENIED": 1,
          "none UNIMPLEMENTED": 1,
        ])
      #expect(metrics.counterTotal(label: "grpc_proxy_calls_started_total") == 8)
      for (set, count) in [("one", 3), ("two", 3), ("none", 2)] {
        let times = try metrics.expectTimer("grpc_proxy_call_seconds", [("backend", set)]).values
        #expect(times.count == count)
        #expect(times.allSatisfy { (1...60_000_000_000).contains($0) })
      }
    }
  }

  @Test("calls in flight, until they have ended or their client has gone")
  func inFlight() async throws {
    try await Self.run { client, metrics in
      let first = try await client.hold()
      let second = try await client.hold()
      #expect(metrics.inFlight == 2)
      first.halfClose()
      #expect(await client.summaries.next()?.status == .ok)
      #expect(metrics.inFlight == 1)
      second.cancel()
      #expect(await client.summaries.next()?.status == .cancelled)
      #expect(metrics.inFlight == 0)
      #expect(metrics.completed == ["one OK": 1, "one CANCELLED": 1])
    }
  }

  @Test("calls to a director's own pools are not told apart, for it can make any number of them")
  func ownPools() async throws {
    try await Self.run(directing: { backend, router in
      let pool = try BackendPool(BackendSet("own", [backend]))
      return Director { call in
        var direction = try await router.direct(call)
        direction.destination = .one(pool)
        return direction
      }
    }) { client, metrics in
      try await client.end(to: "one")
      #expect(metrics.completed == ["none OK": 1])
    }
  }

  @Test("nothing where there is no metrics system")
  func noMetrics() { #expect(ProxyMetrics(NOOPMetricsHandler.instance) == nil) }

  /// Runs `body` with a client of a proxy whose sets `one` and `two` are the same backend.
  ///
  /// - Parameter directing: makes the director of the backend and of the router for its sets.
  private static func run(
    directing: (Backend, GRPCRouter) throws -> any StreamDirector = { $1 },
    _ body: (MetricsClient, TestMetrics) async throws -> Void
  ) async throws {
    try await withServer([GRPCService("test.Service", methods: [.ending])]) { backend in
      let router = try GRPCRouter(configuration(backend.backend))
      let metrics = TestMetrics()
      let proxy = try await ProxyServer.start(directing(backend.backend, router), metrics: ProxyMetrics(metrics))
      try await ended(proxy.stop) {
        let channel = try await proxy.connect()
        try await ended(channel.close) {
          try await body(MetricsClient(channel: channel, summaries: proxy.summaries), metrics)
        }
      }
    }
  }

  private static func configuration(_ backend: Backend) -> GRPCProxyConfiguration {
    let actions: [(to: String, GRPCRoute.Action)] = [
      ("one", .forward(to: "one")), ("two", .forward(to: "two")),
      ("nowhere", .refuse(GRPCStatus(.permissionDenied))),
    ]
    return GRPCProxyConfiguration(
      backendSets: ["one", "two"].map { BackendSet($0, [backend]) },
      routes: actions.map { name, action in
        var match = GRPCRoute.Match()
        match.metadata = ["to": name]
        return GRPCRoute(action, for: match)
      })
  }
}

private struct MetricsClient {
  let channel: GRPCChannel
  let summaries: Summaries

  /// Makes a call, and waits until the proxy has noted its end.
  func end(to name: String, code: Int = 0) async throws {
    var metadata = Metadata()
    try metadata.append("to", name)
    try metadata.append("code", "\(code)")
    _ = try? await channel.call(GRPCMethod.endingPath, metadata: metadata).ending
    _ = await summaries.next()
  }

  /// Begins a call to the first set that goes on until it is half-closed; returns once the backend has it.
  func hold() async throws -> GRPCCall {
    let call = try await channel.call(GRPCMethod.endingPath, metadata: ["to": "one"])
    try await call.send(ByteBuffer(string: "here?"))
    _ = try await call.next()
    return call
  }
}

extension GRPCMethod {
  fileprivate static let endingPath = "/test.Service/End"

  /// Ends its calls with the code that they ask for, or answers until they end.
  fileprivate static let ending = GRPCMethod("End") { (requests, responses, context) in
    if let code = context.metadata.strings("code").first.flatMap({ Int($0) }) {
      throw GRPCStatus(GRPCStatus.Code(rawValue: code))
    }
    for try await request in requests { try await responses.send(request) }
  }
}

extension TestMetrics {
  fileprivate var inFlight: Double? { meters(label: "grpc_proxy_calls_in_flight").first?.lastValue }

  /// Calls that have ended by backend and code, where there are any.
  fileprivate var completed: [String: Int64] {
    var completed: [String: Int64] = [:]
    for counter in counters(label: "grpc_proxy_calls_completed_total") where counter.totalValue > 0 {
      completed[counter.dimensions.map(\.1).joined(separator: " ")] = counter.totalValue
    }
    return completed
  }
}
