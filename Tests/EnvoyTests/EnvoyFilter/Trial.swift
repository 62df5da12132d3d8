// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import NIOCore
import Synchronization
import Testing

/// An exchange to hold `EnvoyFilter` to a real Envoy: a filter, a scripted callout, what the client and the upstream send.
struct Trial: Sendable, CustomTestStringConvertible {
  let name: String
  var filter: EnvoyFilter
  var request: HTTPRequest
  var response: HTTPResponse
  let script: TrialScript
  /// Envoy may have asked the upstream when the failure shows, or not.
  var upstreamIsChance = false

  init(
    _ name: String, _ mode: (inout ProcessingMode) -> Void = { _ in }, request: HTTPRequest = HTTPRequest(),
    response: HTTPResponse = HTTPResponse(body: "answer"), filter change: (inout EnvoyFilter) -> Void = { _ in },
    _ script: @escaping TrialScript
  ) {
    self.name = name
    self.request = request
    self.response = response
    self.script = script
    filter = EnvoyFilter(mode)
    change(&filter)
  }

  /// The same, where it is chance how far the exchange has come when the failure shows.
  var withChance: Trial {
    var trial = self
    trial.upstreamIsChance = true
    return trial
  }

  var testDescription: String { name }
}

/// What became of an exchange, as far as the callout decides it.
struct Outcome: Equatable, CustomStringConvertible {
  /// Of the response, or nil where it was reset.
  var status: Int?
  /// Where a response of Envoy's own came from.
  var details: String?
  /// What the client got, but for a failure's own text.
  var response: [String] = []
  /// What the upstream got, or nothing where it was not asked.
  var upstream: [String] = []

  var description: String { "\(status.map { "\($0)" } ?? "reset") \(details ?? "") \(response) upstream: \(upstream)" }

  /// Fields that other parts of Envoy add, change or drop.
  private static let added: Set = [
    "x-forwarded-proto", "x-request-id", "x-envoy-expected-rq-timeout-ms", "x-envoy-upstream-service-time", "date",
    "server", "transfer-encoding", "connection", "x-response-code-details",
  ]

  static func lines(_ request: HTTPRequest) -> [String] {
    ["\(request.method) \(request.path)"]
      + lines(request.fields, String(buffer: request.body), request.isChunked, request.trailers)
  }

  static func lines(_ response: HTTPResponse, isChunked: Bool) -> [String] {
    lines(response.fields, response.text, isChunked, response.trailers)
  }

  private static func lines(
    _ fields: HTTPFields, _ body: String, _ isChunked: Bool, _ trailers: HTTPFields
  ) -> [String] {
    let lines = fields.all.filter { !added.contains($0.name.lowercased()) }
      .map { "\($0.name.lowercased()): \($0.value)" }
      // HTTP/1.1 needs it where nothing else says that there is no body.
      .filter { $0 != "content-length: 0" }
    return lines.sorted() + [isChunked ? "chunked" : "not chunked", body]
      + trailers.all.map { "\($0.name): \($0.value)" }
  }
}

extension Trial {
  /// What the strict filter makes of it, with the failure where there is one.
  func runStrictly(_ server: RunningServer) async throws -> (outcome: Outcome, failure: ExchangeFailure?) {
    let client = try await server.client()
    let seen = Seen()
    do {
      let exchange = try await filter.exchange(request, with: client) { [response] request in
        seen.note(request)
        return response
      }
      await client.close()
      let answer = exchange.response
      var outcome = Outcome(
        status: answer.status, response: Outcome.lines(answer, isChunked: answer.isChunked),
        upstream: seen.last.map { Outcome.lines($0) } ?? [])
      let details = exchange.responseCodeDetails
      // The details of what is not a local reply do not come to the field.
      if !["via_upstream", "ext_proc_local_response", ""].contains(details) { outcome.details = details }
      if request.method == "HEAD" { outcome.response = [] }
      return (outcome, nil)
    } catch let failure as ExchangeFailure {
      await client.close()
      var outcome = Outcome(status: failure.status, upstream: seen.last.map { Outcome.lines($0) } ?? [])
      if failure.status != nil { outcome.details = failure.responseCodeDetails }
      return (outcome, failure)
    }
  }

  /// What a real Envoy makes of it, to which the upstream's answer is given by `upstream`.
  func runReally(_ envoy: EnvoyProcess, _ upstream: ScriptedUpstream, failing: Bool) async throws -> Outcome {
    upstream.answer(with: response)
    let connection = try await HTTPConnection.connect(to: envoy.address)
    var outcome = Outcome()
    do {
      let answer = try await connection.send(request)
      outcome.status = answer.status
      outcome.details = answer.fields["x-response-code-details"].flatMap { $0.isEmpty ? nil : $0 }
      let isChunked = answer.fields["transfer-encoding"] == "chunked"
      if !failing { outcome.response = Outcome.lines(answer, isChunked: isChunked) }
      if request.method == "HEAD" { outcome.response = [] }
    } catch {
      // A response that is reset shows as one error or another.
      outcome.status = nil
    }
    outcome.upstream = upstream.seen.map { Outcome.lines($0) } ?? []
    await connection.close()
    return outcome
  }
}

/// An upstream that answers one trial after the other.
final class ScriptedUpstream: Sendable {
  private let state = Mutex((response: HTTPResponse(), seen: HTTPRequest?.none))

  func answer(with response: HTTPResponse) { state.withLock { $0 = (response, nil) } }

  var seen: HTTPRequest? { state.withLock { $0.seen } }

  var responder: HTTPUpstream.Responder {
    { request in
      self.state.withLock { state in
        state.seen = request
        return state.response
      }
    }
  }
}

/// Trials of one configuration, for which one Envoy is enough.
struct TrialGroup: Sendable, CustomTestStringConvertible {
  let filter: EnvoyFilter
  let trials: [Trial]

  static func groups(of trials: [Trial]) -> [TrialGroup] {
    Dictionary(grouping: trials, by: \.filter).map { TrialGroup(filter: $0, trials: $1) }
      .sorted { $0.testDescription < $1.testDescription }
  }

  var testDescription: String { "\(trials[0].name)" + (trials.count > 1 ? " and \(trials.count - 1) more" : "") }
}
