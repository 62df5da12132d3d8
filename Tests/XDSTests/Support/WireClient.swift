// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import EnvoyAPI
import ExtProcTesting
import Testing

@testable import XDS

/// A client in any of the four ways, which says what a test has it say and nothing by itself.
final class WireClient {
  let channel: GRPCChannel
  let variant: Variant
  private let node: String
  private var streams: [ResourceType?: WireStream] = [:]
  private var known: [ResourceType: Known] = [:]

  /// What a State of the World client says again with each request.
  private struct Known {
    var names: [String] = []
    var nonce = ""
    var version = ""
  }

  init(_ channel: GRPCChannel, _ variant: Variant, node: String) {
    self.channel = channel
    self.variant = variant
    self.node = node
  }

  /// The stream of a type.
  func stream(_ type: ResourceType) async throws -> WireStream {
    let key = variant.isAggregated ? nil : type
    if let stream = streams[key] { return stream }
    let stream = try await WireStream.open(channel, variant.speaks, key)
    streams[key] = stream
    return stream
  }

  // MARK: Requests

  /// Asks for resources besides those that were asked for before; for all where there never is a name.
  func subscribe(_ type: ResourceType, _ names: [String] = []) async throws {
    known[type, default: Known()].names += names.filter { known[type]?.names.contains($0) != true }
    try await send(type, subscribe: names)
  }

  func unsubscribe(_ type: ResourceType, _ names: [String]) async throws {
    known[type, default: Known()].names.removeAll { names.contains($0) }
    try await send(type, unsubscribe: names)
  }

  func accept(_ answer: Answer) async throws {
    known[answer.type, default: Known()].nonce = answer.nonce
    known[answer.type, default: Known()].version = answer.version
    try await send(answer.type, nonce: answer.nonce)
  }

  func refuse(_ answer: Answer, _ reason: String) async throws {
    known[answer.type, default: Known()].nonce = answer.nonce
    try await send(answer.type, nonce: answer.nonce, error: reason)
  }

  // MARK: Responses

  /// The next response on the type's stream, which has to be of the type.
  func next(_ type: ResourceType) async throws -> Answer { try await stream(type).next(type) }

  /// The same, accepted.
  @discardableResult
  func take(_ type: ResourceType) async throws -> Answer {
    let answer = try await next(type)
    try await accept(answer)
    return answer
  }

  private func send(
    _ type: ResourceType, subscribe: [String] = [], unsubscribe: [String] = [], nonce: String = "", error: String? = nil
  ) async throws {
    let known = known[type] ?? Known()
    switch try await stream(type) {
    case .stateOfTheWorld(let stream):
      var request = Envoy_Service_Discovery_V3_DiscoveryRequest.asking(for: known.names, of: type, nodeID: node)
      request.responseNonce = known.nonce
      request.versionInfo = known.version
      if let error { request.errorDetail.message = error }
      try await stream.send(request)
    case .delta(let stream):
      var request = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest.asking(
        for: subscribe, notFor: unsubscribe, of: type, nodeID: node)
      request.responseNonce = nonce
      if let error { request.errorDetail.message = error }
      try await stream.send(request)
    }
  }
}
