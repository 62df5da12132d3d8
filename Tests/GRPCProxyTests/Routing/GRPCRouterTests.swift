// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

@Suite("Routes that change", .timeLimit(.minutes(1)))
struct GRPCRouterTests {
  /// Routes by the value of `to` in a call's metadata.
  private static func configuration(_ sets: [String: [NamedBackend]]) -> GRPCProxyConfiguration {
    GRPCProxyConfiguration(
      backendSets: sets.sorted { $0.key < $1.key }.map { BackendSet($0.key, $0.value.map(\.backend)) },
      routes: sets.keys.sorted().map { name in
        var match = GRPCRoute.Match()
        match.metadata = ["to": name]
        return GRPCRoute(.forward(to: name), for: match)
      })
  }

  private static func who(_ client: ProxyClient, to set: String) async throws -> String? {
    var metadata = Metadata()
    try metadata.append("to", set)
    let call = try await client.channel.call(NamedBackend.path, metadata: metadata)
    try? await call.send(ByteBuffer(string: "who?"))
    call.halfClose()
    let answer = try await call.next().map { String(buffer: $0) }
    while try await call.next() != nil {}
    return answer
  }

  @Test("the first route that matches is used, and a call that none matches ends with UNIMPLEMENTED")
  func order() async throws {
    try await withBackends("a", "b") { backends in
      var configuration = Self.configuration(["one": [backends[0]], "two": [backends[1]]])
      configuration.routes.insert(
        GRPCRoute(.refuse(GRPCStatus(.permissionDenied, "not you")), for: .init(service: "secret.*")), at: 0)
      try await ProxyClient.run(directing: GRPCRouter(configuration)) { client in
        #expect(try await Self.who(client, to: "one") == "a")
        #expect(try await Self.who(client, to: "two") == "b")
        let unknown = await #expect(throws: GRPCStatus.self) { try await Self.who(client, to: "three") }
        #expect(unknown == GRPCStatus(.unimplemented, "no route for /test.Service/Who"))
        let refused = try await client.channel.call("/secret.Service/Who").ending.status
        #expect(refused == GRPCStatus(.permissionDenied, "not you"))
      }
    }
  }

  @Test("under load no call is lost to a change, and the connections of sets that stay are kept")
  func underLoad() async throws {
    try await withBackends("kept", "a", "b") { backends in
      let (kept, a, b) = (backends[0], backends[1], backends[2])
      let router = try GRPCRouter(Self.configuration(["kept": [kept], "moving": [a]]))
      try await ProxyClient.run(directing: router) { client in
        let held = try await client.channel.call(NamedBackend.path, metadata: ["to": "moving"])
        try await held.send(ByteBuffer(string: "who?"))
        #expect(try await held.next() == ByteBuffer(string: "a"))
        let calls = NIOLockedValueBox(0)
        try await withThrowingTaskGroup(of: Void.self) { load in
          for _ in 0..<8 {
            load.addTask {
              while !Task.isCancelled {
                let answers = (try await Self.who(client, to: "kept"), try await Self.who(client, to: "moving"))
                #expect(answers.0 == "kept")
                #expect(answers.1 == "a" || answers.1 == "b")
                calls.withLockedValue { $0 += 2 }
              }
            }
          }
          for round in 0..<50 {
            let moving = round % 3 == 0 ? [b] : round % 3 == 1 ? [a, b] : [a]
            try router.update(Self.configuration(["kept": [kept], "moving": moving]))
            #expect(["a", "b"].contains(try await Self.who(client, to: "moving")))
          }
          load.cancelAll()
          try await load.waitForAll()
        }
        #expect(calls.withLockedValue { $0 } > 100)
        // It has its first backend still, though that went and came many times.
        try await held.send(ByteBuffer(string: "still?"))
        #expect(try await held.next() == ByteBuffer(string: "a"))
        held.halfClose()
        #expect(try await held.next() == nil)
        #expect(kept.connectionCount == 1)
      }
    }
  }

  @Test("sets that are not used any more close their connections, and the others keep theirs")
  func unusedSets() async throws {
    try await withBackends("a", "b") { backends in
      let router = try GRPCRouter(Self.configuration(["one": [backends[0]], "two": [backends[1]]]))
      try await ProxyClient.run(directing: router) { client in
        for set in ["one", "two"] { _ = try await Self.who(client, to: set) }
        try router.update(Self.configuration(["two": [backends[1]]]))
        try await backends[0].connectionsClosed()
        #expect(try await Self.who(client, to: "two") == "b")
        #expect(backends[1].connectionCount == 1)

        router.retire()
        try await backends[1].connectionsClosed()
      }
    }
  }

  @Test("a set whose settings change is made anew, whatever its backends")
  func changedSet() async throws {
    try await withBackends("a") { backends in
      var configuration = Self.configuration(["one": [backends[0]]])
      let router = try GRPCRouter(configuration)
      try await ProxyClient.run(directing: router) { client in
        _ = try await Self.who(client, to: "one")
        try router.update(configuration)
        _ = try await Self.who(client, to: "one")
        #expect(backends[0].connectionCount == 1)
        configuration.backendSets[0].balancing = .leastRequest
        try router.update(configuration)
        try await backends[0].connectionsClosed()
        _ = try await Self.who(client, to: "one")
        #expect(backends[0].connectionCount == 2)
      }
    }
  }

  @Test("a configuration with a mistake changes nothing")
  func mistakes() async throws {
    try await withBackends("a") { backends in
      let good = Self.configuration(["one": [backends[0]]])
      var noSet = good
      noSet.routes.append(GRPCRoute(.forward(to: "none")))
      var twice = good
      twice.backendSets.append(twice.backendSets[0])
      var tls = good
      tls.backendSets[0].backends[0].tls = .init(trustRoots: [])
      let router = try GRPCRouter(good)
      try await ProxyClient.run(directing: router) { (client) async throws in
        let mistakes: [(GRPCProxyConfiguration, GRPCStatus.Code, String)] = [
          (noSet, .invalidArgument, "backend set 'none'"), (twice, .invalidArgument, "the name 'one'"),
          (tls, .unavailable, "no PEM certificate"),
        ]
        for (configuration, code, part) in mistakes {
          let refusal = #expect(throws: GRPCStatus.self) { try router.update(configuration) }
          #expect(refusal?.code == code)
          #expect(refusal?.message.contains(part) == true)
          #expect(throws: GRPCStatus.self) { try GRPCRouter(configuration) }
          #expect(try await Self.who(client, to: "one") == "a")
        }
        #expect(backends[0].connectionCount == 1)
      }
    }
  }
}
