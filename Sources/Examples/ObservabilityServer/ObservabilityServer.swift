// SPDX-License-Identifier: Apache-2.0

// Counts what a proxy sends, and tells the counts as JSON at /counters, beside health.
//
// Envoy processing mode: any, with observability_mode: true for a proxy that only watches and waits for no answer.

import ArgumentParser
import CalloutJSON
import ExtProc
import Logging
import NIOConcurrencyHelpers

final class ObservabilityServer: CalloutServer, @unchecked Sendable {
  /// By the names that they are told under.
  let counters = NIOLockedValueBox([
    "request_header_count": 0, "request_body_count": 0, "response_header_count": 0, "response_body_count": 0,
  ])

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    count("request_header_count")
    return .continue
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    count("response_header_count")
    return .continue
  }

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    // An empty last piece only says that the body is at its end.
    if body.bytes.readableBytes > 0 || !body.endOfStream { count("\(direction)_body_count") }
    return .continue
  }

  private func count(_ name: String) { counters.withLockedValue { $0[name, default: 0] += 1 } }

  /// The counts as a JSON object.
  var json: JSONValue {
    counters.withLockedValue { counters in
      counters.keys.sorted().reduce(into: [:]) { $0[$1] = .number(JSONNumber(counters[$1]!)) }
    }
  }
}

@main
struct Program: CalloutProgram {
  @OptionGroup var server: ServerOptions

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let callout = ObservabilityServer()
    var configuration = configuration
    configuration.healthPages["/counters"] = {
      .init(contentType: "application/json", body: callout.json.serialized())
    }
    try await callout.run(configuration, logger: logger)
  }
}
