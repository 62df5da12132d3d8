// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProc
import ExtProcTesting
import Synchronization
import Testing
import TrialCallouts
import XDSConfig

/// A callout does the same over ext_proc and as a filter within Envoy. The cases are one table.
@Suite(
  "Callouts both ways", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(5)))
struct BothWaysTests {
  @Test("over ext_proc", arguments: Case.all)
  func overExtProc(_ row: Case) async throws {
    let make = try #require(Trials.all[row.trial])
    let callout = make()
    let outcome = try await row.run { upstream, body in
      try await withRunningServer(callout) { server in
        var filter = EnvoyConfiguration.Callout(server.addresses.plaintext!)
        if case .extProc(let wanted) = callout.calloutFilter { filter.processingMode = wanted.processingMode }
        filter.requestAttributes = callout.configuration.requestAttributes
        filter.responseAttributes = callout.configuration.responseAttributes
        return try await body(EnvoyConfiguration(upstream: upstream.address, callouts: [filter]))
      }
    }
    #expect(row.see(outcome) == row.expected)
  }

  @Test("within Envoy", arguments: Case.all)
  func withinEnvoy(_ row: Case) async throws {
    let outcome = try await row.run { upstream, body in
      var configuration = EnvoyConfiguration(upstream: upstream.address)
      configuration.modules = [.trial(row.trial)]
      return try await body(configuration)
    }
    #expect(row.see(outcome) == row.withinEnvoy ?? row.expected)
  }
}

extension EnvoyConfiguration.Module {
  /// A filter of the module that tests are for.
  static func trial(_ name: String, configurationJSON: String = "{}") -> Self {
    Self("TrialModule", name, configurationJSON: configurationJSON)
  }
}

extension Case {
  /// Sends the request through an Envoy.
  func run(
    _ serve: (HTTPUpstream, (EnvoyConfiguration) async throws -> Outcome) async throws -> Outcome
  ) async throws -> Outcome {
    let seen = Mutex<[HTTPRequest]>([])
    let upstream = upstream
    return try await withHTTPUpstream({ request in
      seen.withLock { $0.append(request) }
      return upstream(request)
    }) { upstream in
      try await serve(upstream) { configuration in
        try await withEnvoy(configuration) { envoy in
          let response = try? await HTTPConnection.connect(to: envoy.address).send(request)
          return Outcome(response: response, upstream: seen.withLock { $0 })
        }
      }
    }
  }
}
