// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProc
import ExtProcTesting
import Foundation
import Logging
import Testing

/// What Envoy does with each thing that a server may do. The rows also make docs/envoy-compatibility.md.
@Suite(
  "Conformance", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(5)))
struct ConformanceTests {
  @Test("Envoy does with a server what the table says", arguments: Row.all)
  func row(_ row: Row) async throws {
    let version = try #require(try await Self.version.value, "this Envoy's version is not one of the table")
    let exchange = try await row.run()
    let seen = row.see(exchange)
    #expect(seen == row.expected(on: version))
  }

  @Test("every rule is there once")
  func unique() {
    #expect(Set(Row.all.map(\.testDescription)).count == Row.all.count)
  }

  @Test("the document says what the table expects")
  func document() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../docs/envoy-compatibility.md").standardizedFileURL
    let written = CompatibilityDocument.text
    if ProcessInfo.processInfo.environment["WRITE_COMPATIBILITY"] == "1" {
      try Data(written.utf8).write(to: file)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == written, "run make test-envoy-versions")
  }

  /// The version that `$ENVOY` has.
  private static let version = Task<EnvoyVersion?, any Error> {
    guard let executable = EnvoyProcess.executable else { return nil }
    let text = try await EnvoyProcess.version(of: executable)
    return EnvoyVersion.allCases.first { text.hasPrefix("\($0.name).") }
  }
}

extension Row {
  static let all: [Row] =
    replies + headers + bodies + duplex + trailers + overrides + immediate + streamed + metadata + framework

  /// Sends the row's request through an Envoy to its server and upstream.
  func run() async throws -> Exchange {
    let received = Received()
    let seen = Seen()
    let upstream = upstream
    return try await withHTTPUpstream({ request in
      seen.note(request)
      return upstream(request)
    }) { upstream in
      try await withRunningServer(service(received)) { server in
        var callout = EnvoyConfiguration.Callout(server.addresses.plaintext!)
        filter(&callout)
        var configuration = EnvoyConfiguration(upstream: upstream.address, callouts: [callout])
        configuration.showsResponseCodeDetails = true
        envoy(&configuration)
        guard let envoy = try? await EnvoyProcess.start(configuration) else {
          return Exchange(isConfigurationRefused: true, upstream: [], received: [])
        }
        let response = try? await HTTPConnection.connect(to: envoy.address).send(request)
        // Envoy does not wait for a server that only observes, so that the client may have its answer first.
        if callout.observabilityMode, case .script = self.server { await received.responseHeaders() }
        await envoy.stop()
        return Exchange(response: response, upstream: seen.all, received: received.all)
      }
    }
  }

  private func service(_ received: Received) -> CalloutService {
    let logger = Logger(label: "conformance", factory: { _ in SwiftLogNoOpLogHandler() })
    switch server {
    case .callout(let make): return make().service(.loopback, logger: logger)
    case .script(let script):
      return CalloutService([.scripted(script, noting: received)], configuration: .loopback, logger: logger)
    }
  }
}
