// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import Logging
import NIOCore
import Testing

@Suite("Changes of headers that Envoy drops")
struct MutationRulesTests {
  /// What is warned of, in order.
  private func warnings(
    _ reply: HeadersReply, _ rules: MutationRules = MutationRules()
  ) async throws -> [String] {
    let log = LogRecorder()
    let server = Given({ $0.mutationRules = rules }, headers: { _, _ in reply })
    _ = try await CalloutHarness(server, logger: log.logger).reply(to: .requestHeaders([:]))
    return log.entries(atLeast: .warning).map { "\($0.metadata["reason"] ?? "")" }
  }

  @Test(
    "routing headers are told of unless allow_all_routing, in any case",
    arguments: [":authority", "Host", ":method", ":scheme"])
  func routing(name: String) async throws {
    let seen = try await warnings(.mutate(set: [name: "a"]))
    #expect(seen == ["header '\(name)': Envoy takes it only with mutation_rules.allow_all_routing"])
    #expect(try await warnings(.mutate(set: [name: "a"]), MutationRules(allowAllRouting: true)).isEmpty)
  }

  @Test("Envoy's own headers are told of unless allow_envoy, set or removed", arguments: ["x-envoy-a", "X-Envoyb"])
  func envoy(name: String) async throws {
    let reason = "header '\(name)': Envoy takes it only with mutation_rules.allow_envoy"
    #expect(try await warnings(.mutate(set: [name: "a"])) == [reason])
    #expect(try await warnings(.mutate(remove: [name])) == [reason])
    let rules = MutationRules(allowEnvoy: true)
    #expect(try await warnings(.mutate(set: [name: "a"], remove: [name]), rules).isEmpty)
  }

  @Test("what Envoy never removes is told of, whatever the rules", arguments: [":path", ":status", "HOST"])
  func removals(name: String) async throws {
    let rules = MutationRules(allowAllRouting: true, allowEnvoy: true)
    #expect(try await warnings(.mutate(remove: [name]), rules) == ["header '\(name)': Envoy never removes it"])
  }

  @Test("a CONTINUE_AND_REPLACE may change the method")
  func replace() async throws {
    let mutation = HeaderMutation(set: [":method": "POST", ":scheme": "http"])
    let seen = try await warnings(.replace(body: .init(), mutation: mutation))
    #expect(seen == ["header ':scheme': Envoy takes it only with mutation_rules.allow_all_routing"])
  }

  @Test("other headers are not", arguments: [":path", "x-env", "hosts", "h", "x", "content-length"])
  func others(name: String) async throws {
    #expect(try await warnings(.mutate(set: [name: "a"])).isEmpty)
  }
}
