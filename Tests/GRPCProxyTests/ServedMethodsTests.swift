// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

@Suite("methods that are passed on, and methods that are not", .timeLimit(.minutes(1)))
struct ServedMethodsTests {
  @Test("only the methods that were named are passed on, and one that is served locally wins")
  func namedMethods() async throws {
    let directed = Counter()
    let calls = Events<String>()
    let backend = GRPCService(
      unknownMethods: .bare("*") { call, fields in
        calls.send(fields[":path"] ?? "")
        call.answer("backend")
      })
    try await withServer([backend]) { backend in
      let pool = try BackendPool(to: "\(backend.target)")
      defer { pool.retire() }
      let director = Director { _ in
        directed.add()
        return .to(pool)
      }
      let local = GRPCService("test.Local", methods: [.bare("Call") { call, _ in call.answer("local") }])
      let named = try await ProxyServer.start(director) {
        [$0.service("test.Named", methods: ["Call", "Local"]), local]
      }
      try await ended(named.stop) { () async throws in
        #expect(try await named.call(BareClient.fields("/test.Named/Call")).messages.map(\.text) == ["backend"])
        #expect(try await named.call(BareClient.fields("/test.Local/Call")).messages.map(\.text) == ["local"])
        for path in ["/test.Named/Other", "/test.Other/Call", "/test.Local/Other"] {
          #expect(try await named.call(BareClient.fields(path)).status?.code == .unimplemented)
        }
        #expect(directed.value == 1)
      }
      let all = try await ProxyServer.start(director) { [local, $0.unknownServices] }
      try await ended(all.stop) { () async throws in
        #expect(try await all.call(BareClient.fields("/test.Local/Call")).messages.map(\.text) == ["local"])
        #expect(try await all.call(BareClient.fields("/test.Local/Other")).messages.map(\.text) == ["backend"])
        #expect(directed.value == 2)
      }
    }
    #expect(await [calls.next(), calls.next()] == ["/test.Named/Call", "/test.Local/Other"])
  }

  @Test("a method that nobody has, and no proxy for it, is UNIMPLEMENTED")
  func withoutProxy() async throws {
    try await withServer([PingService.make()]) { server in
      let channel = try await server.connect()
      #expect(try await channel.ask("None").ending.status.code == .unimplemented)
      await channel.close()
    }
  }
}
