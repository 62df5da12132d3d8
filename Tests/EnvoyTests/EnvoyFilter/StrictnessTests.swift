// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Testing

// `EnvoyFilter` says what an Envoy would do with a callout. Here a real one is asked too.

@Suite(
  "EnvoyFilter is as strict as Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(4)))
struct StrictnessTests {
  @Test("callouts that do it right", .serialized, arguments: TrialGroup.groups(of: Trial.correct))
  func correct(_ group: TrialGroup) async throws {
    try await compare(group) { failure in #expect(failure == nil) }
  }

  @Test("corners of what is allowed", .serialized, arguments: TrialGroup.groups(of: Trial.corners))
  func corners(_ group: TrialGroup) async throws {
    try await compare(group) { failure in #expect(failure == nil) }
  }

  @Test(
    "callouts that answer themselves or change the rules", .serialized, arguments: TrialGroup.groups(of: Trial.special))
  func special(_ group: TrialGroup) async throws { try await compare(group) }

  @Test("changes of headers", .serialized, arguments: TrialGroup.groups(of: Trial.mutations))
  func mutations(_ group: TrialGroup) async throws { try await compare(group) }

  @Test("callouts that break a rule", .serialized, arguments: TrialGroup.groups(of: Trial.wrong))
  func wrong(_ group: TrialGroup) async throws { try await compare(group) }

  @Test(
    "callouts that break a rule where the filter may go on", .serialized, arguments: TrialGroup.groups(of: Trial.open))
  func open(_ group: TrialGroup) async throws { try await compare(group) }

  private func compare(_ group: TrialGroup, check: (ExchangeFailure?) -> Void = { _ in }) async throws {
    let script = Shared<TrialScript>({ _ in [] })
    let upstream = ScriptedUpstream()
    try await withScriptedCallout({ script.value }) { server in
      try await withHTTPUpstream(upstream.responder) { address in
        let callout = try EnvoyConfiguration.Callout(server.addresses.plaintext!, group.filter)
        var configuration = EnvoyConfiguration(upstream: address.address, callouts: [callout])
        configuration.showsResponseCodeDetails = true
        try await withEnvoy(configuration) { envoy in
          for trial in group.trials {
            script.value = trial.script
            var (strict, failure) = try await trial.runStrictly(server)
            var real = try await trial.runReally(envoy, upstream, failing: failure != nil)
            if trial.upstreamIsChance { (strict.upstream, real.upstream) = ([], []) }
            #expect(strict == real, "\(trial.name): \(failure.map { "\($0)" } ?? "")")
            check(failure)
          }
        }
      }
    }
  }
}
