import CalloutGRPC
// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI

@testable import XDS

/// Writes down what a control plane tells, as `<stream> <what>`; waits and throws where a test has it do so.
struct RecordedCallbacks: XDSCallbacks {
  let journal = Journal()
  /// Called with the name of each callback, before it is written down.
  var before: @Sendable (String) async throws -> Void = { _ in }

  func streamOpened(_ stream: DiscoveryStreamInfo) async throws { try await note("opened", stream) }

  func streamClosed(_ stream: DiscoveryStreamInfo) async {
    try? await before("closed")
    journal.note("\(stream.id) closed \(stream.node.id)")
  }

  func requestReceived(_ request: DiscoveryRequest, on stream: DiscoveryStreamInfo) async throws {
    try await note("request", stream, "\(request.type) \(request.nonce)")
  }

  func responseReady(_ response: DiscoveryResponse, on stream: DiscoveryStreamInfo) async throws {
    try await note("response", stream, "\(response.type) \(response.nonce) \(response.names.joined(separator: ","))")
  }

  func answered(_ event: DiscoveryEvent, on stream: DiscoveryStreamInfo) async throws {
    switch event {
    case .acknowledged(let type, let nonce): try await note("answered", stream, "\(type) \(nonce) accepted")
    case .refused(let type, let nonce, let names, let detail):
      try await note("answered", stream, "\(type) \(nonce) refused \(names.joined(separator: ",")): \(detail)")
    case .stale(let type, let nonce): try await note("answered", stream, "\(type) \(nonce) stale")
    }
  }

  func fetchReceived(_ request: DiscoveryRequest, from node: Node) async throws {
    try await before("fetch")
    journal.note("fetch \(request.type) \(node.id)")
  }

  func fetchAnswered(_ request: DiscoveryRequest, version: String, names: [String], to node: Node) async {
    journal.note("fetched \(request.type) \(names.joined(separator: ",")) \(node.id)")
  }

  private func note(_ name: String, _ stream: DiscoveryStreamInfo, _ rest: String = "") async throws {
    try await before(name)
    journal.note("\(stream.id) \(name)" + (rest.isEmpty ? "" : " \(rest)"))
  }
}
